import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type FolderRules, readyFolder } from '../../src/listener/socket-folder.ts'
import { folderOf } from '../support/process-sidecar.ts'

const rules: FolderRules = {
  shared: false,
  option: 'api.allowSharedDirectory',
  mode: 0o660,
  gid: undefined,
  isGivenAway: false,
}

function folderWith(t: Test, mode: number, ...below: string[]): string {
  const folder = folderOf(t)
  mkdirSync(join(folder, ...below), { recursive: true })
  chmodSync(folder, mode)
  return join(folder, ...below)
}

async function refuses(
  t: Test,
  folder: string,
  where: string,
  more: Partial<FolderRules> = {},
): Promise<void> {
  await t.rejects(readyFolder(folder, { ...rules, ...more }), {
    name: 'CannotListen',
    what: `everybody may create or replace files in ${where}, and so put a socket of their own in the place of this one`,
    remedy: /api\.allowSharedDirectory: true/,
  })
  t.match(
    await readyFolder(folder, { ...rules, ...more, shared: true }),
    where,
    'a warning where it may be shared',
  )
}

t.test('a folder that only we, or our group, may write to is fine', async (t) => {
  for (const mode of [0o700, 0o710, 0o755, 0o770]) {
    t.equal(await readyFolder(folderWith(t, mode), rules), undefined, mode.toString(8))
  }
})

t.test('a folder that everybody may write to is not, with the sticky bit either', async (t) => {
  for (const mode of [0o777, 0o1777]) {
    const folder = folderWith(t, mode)
    await refuses(t, folder, folder)
  }
})

t.test('a folder in one that everybody may write to can be replaced as a whole', async (t) => {
  const folder = folderWith(t, 0o777, 'own', 'deeper')
  await refuses(t, folder, join(folder, '..', '..'))
})

t.test('with the sticky bit it cannot be, unless it is somebody else who owns it', async (t) => {
  const folder = folderWith(t, 0o1777, 'own')
  t.equal(await readyFolder(folder, rules), undefined)
  // Only root can give a folder away; for anybody else it is as if they were somebody else.
  const us = process.geteuid?.() ?? 0
  if (us === 0) chownSync(folder, 65_532, 65_532)
  await refuses(t, folder, join(folder, '..'), { us: us === 0 ? us : us + 1 })
})

t.test('a link counts with both ways: the one to it, and the one that it leads', async (t) => {
  const target = folderWith(t, 0o777, 'own')
  const link = join(folderOf(t), 'link')
  symlinkSync(target, link)
  await refuses(t, link, join(target, '..'))

  const open = folderWith(t, 0o777)
  const led = join(open, 'link')
  symlinkSync(folderOf(t), led)
  await refuses(t, led, open)
})

t.test(
  'a folder that is missing is made so that those may pass who may connect, and nobody else',
  async (t) => {
    const cases: [Partial<FolderRules>, number][] = [
      [{ mode: 0o600 }, 0o700],
      [{ mode: 0o660 }, 0o710],
      [{ mode: 0o666 }, 0o711],
      [{ mode: 0o600, isGivenAway: true }, 0o711],
    ]
    for (const [more, mode] of cases) {
      const folder = join(folderOf(t), 'made')
      t.equal(await readyFolder(folder, { ...rules, ...more }), undefined)
      t.equal(lstatSync(folder).mode & 0o777, mode)
    }
  },
)

t.test('it is made with the group of the socket', async (t) => {
  const folder = join(folderOf(t), 'made')
  const gid = process.getuid?.() === 0 ? 65_533 : process.getgid?.()
  await readyFolder(folder, { ...rules, gid })
  t.equal(lstatSync(folder).gid, gid)
})

t.test('none is made where it could be replaced, nor through a link that leads nowhere', async (t) => {
  const open = folderWith(t, 0o777)
  await t.rejects(readyFolder(join(open, 'made'), rules), {
    name: 'CannotListen',
    what: /everybody may create/,
  })
  t.notOk(existsSync(join(open, 'made')))
  const link = join(folderOf(t), 'link')
  symlinkSync(join(folderOf(t), 'nowhere'), link)
  await t.rejects(readyFolder(link, rules), { name: 'CannotListen', what: /a link to nowhere/ })
})

t.test('one whose own folder is missing is not made', async (t) => {
  await t.rejects(readyFolder(join(folderOf(t), 'not', 'there'), rules), { code: 'ENOENT' })
})
