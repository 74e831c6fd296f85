import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { groupId, userId } from '../../src/listener/accounts.ts'
import { folderOf } from '../support/process-sidecar.ts'

const users = `root:x:0:0:root:/root:/bin/bash
# a comment
broken
app:x:1000:1001:An application:/home/app:/bin/sh
app:x:2000:2000:the second of a name:/:/bin/sh
odd:x:seven:7::/:/bin/sh
`
const groups = `root:x:0:
app:x:1001:web,worker
`

function accountsOf(t: Test): { users: string; groups: string } {
  const folder = folderOf(t)
  const files = { users: join(folder, 'passwd'), groups: join(folder, 'group') }
  writeFileSync(files.users, users)
  writeFileSync(files.groups, groups)
  return files
}

t.test('a name is looked up where the system keeps accounts, the first line of it counts', async (t) => {
  const files = accountsOf(t)
  t.equal(await userId('root', files), 0)
  t.equal(await userId('app', files), 1000)
  t.equal(await groupId('app', files), 1001)
})

t.test('a number is taken as it is, whether somebody has it or not', async (t) => {
  const files = accountsOf(t)
  t.equal(await userId('65532', files), 65_532)
  t.equal(await groupId('0', files), 0)
  t.equal(await userId('4294967294', files), 4_294_967_294)
})

t.test('who is unknown, has no number, or a number that no account can have, is nobody', async (t) => {
  const files = accountsOf(t)
  t.equal(await userId('nobody', files), undefined)
  t.equal(await groupId('web', files), undefined, 'a member is no group')
  t.equal(await userId('odd', files), undefined)
  t.equal(await userId('broken', files), undefined)
  t.equal(await userId('4294967295', files), undefined, 'to chown(2) it means: leave it')
})

t.test('without the files there are only numbers', async (t) => {
  const files = { users: join(folderOf(t), 'none'), groups: join(folderOf(t), 'none') }
  t.equal(await userId('root', files), undefined)
  t.equal(await groupId('7', files), 7)
})
