import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AuditFile, type Write } from '../../src/audit/file.ts'
import { CodedError } from '../../src/errors.ts'
import { folderOf } from '../support/process-sidecar.ts'

/** A disk that takes so many bytes, and then no more until it is given room. */
function smallDisk(room: number): { write: Write; give(bytes: number): void } {
  let left = room
  return {
    async write(fd, buffer, offset) {
      if (left === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      const taken = writeSync(fd, buffer, offset, Math.min(left, buffer.length - offset))
      left -= taken
      return taken
    },
    give(bytes) {
      left += bytes
    },
  }
}

async function open(t: Test, { content, write }: { content?: string; write?: Write } = {}) {
  const path = join(folderOf(t), 'audit.log')
  if (content !== undefined) writeFileSync(path, content)
  const file = await AuditFile.open(path, write)
  t.teardown(() => file.close())
  return { path, file, text: () => readFileSync(path, 'utf8') }
}

t.test(
  'a file that is not there is made, for its owner alone, and one that is there is appended to',
  async (t) => {
    const { path, file, text } = await open(t)
    t.equal(statSync(path).mode & 0o777, 0o600)
    t.match(await file.append('{"a":1}\n'), { written: 8 })
    const again = await AuditFile.open(path)
    await again.append('{"b":2}\n')
    await again.close()
    await file.append('{"c":3}\n')
    t.equal(text(), '{"a":1}\n{"b":2}\n{"c":3}\n')
  },
)

t.test('what is no regular file is refused, with what to do', async (t) => {
  const folder = folderOf(t)
  const at = (name: string): string => join(folder, name)
  writeFileSync(at('target'), '')
  symlinkSync(at('target'), at('link'))
  symlinkSync(at('nobody'), at('dangling'))
  mkdirSync(at('directory'))
  if (spawnSync('mkfifo', [at('pipe')]).status !== 0) throw new Error('mkfifo failed')
  const refused: Array<[path: string, what: RegExp]> = [
    [at('link'), /a symbolic link lies there \(ELOOP\)\. Name the file itself/],
    [at('dangling'), /a symbolic link lies there/],
    [at('directory'), /a directory lies there/],
    [at('pipe'), /no regular file lies there\. Remove it/],
    ['/dev/null', /no regular file lies there/],
    [at('no/audit.log'), /its directory does not exist \(ENOENT\)\. Create it/],
    [at('target/audit.log'), /no directory/],
  ]
  for (const [path, what] of refused) {
    await t.rejects(AuditFile.open(path), { code: 'SIDEKEEP_AUDIT_UNWRITABLE', message: what }, path)
    await t.rejects(AuditFile.open(path), { message: /choose another path with audit\.file\.$/ })
  }
  t.equal(readFileSync(at('target'), 'utf8'), '')
  t.throws(() => statSync(at('nobody')), { code: 'ENOENT' }, 'nothing was made through a link')
})

t.test('a line that a killed process left torn is ended before the next', async (t) => {
  for (const [content, becomes] of [
    ['{"a":1}\n{"b"', '{"a":1}\n{"b"\n{"c":3}\n'],
    ['{"a":1}\n', '{"a":1}\n{"c":3}\n'],
    ['', '{"c":3}\n'],
  ] as const) {
    const { file, text } = await open(t, { content })
    await file.append('{"c":3}\n')
    t.equal(text(), becomes)
  }
})

t.test('a write that takes less than it was given goes on where it ended', async (t) => {
  const write: Write = async (fd, buffer, offset) =>
    writeSync(fd, buffer, offset, Math.min(3, buffer.length - offset))
  const { file, text } = await open(t, { write })
  t.match(await file.append('{"a":1}\n{"b":2}\n'), { written: 16 })
  t.equal(text(), '{"a":1}\n{"b":2}\n')
})

t.test(
  'where a disk is full it says how much was taken, and ends what is torn before the next',
  async (t) => {
    for (let room = 0; room <= 16; room += 1) {
      const disk = smallDisk(room)
      const { file, text } = await open(t, { write: disk.write })
      const { written, error } = await file.append('{"a":1}\n{"b":2}\n')
      t.equal(written, room, `room for ${room} bytes`)
      t.equal(error === undefined, room === 16)
      disk.give(1_000)
      t.match(await file.append('{"c":3}\n'), { written: 8 })
      const torn = room % 8 === 0 ? '' : '\n'
      t.equal(text(), `${'{"a":1}\n{"b":2}\n'.slice(0, room)}${torn}{"c":3}\n`)
    }
  },
)

t.test('a write that takes nothing is a failure, and not tried for ever', async (t) => {
  const { file } = await open(t, { write: async () => 0 })
  t.match(await file.append('{"a":1}\n'), { written: 0, error: Error })
})

t.test(
  'a file that was moved away is written to until it is looked for, and then another is made',
  async (t) => {
    const { path, file, text } = await open(t)
    await file.append('1\n')
    t.equal(await file.renew(false), undefined)
    renameSync(path, `${path}.1`)
    await file.append('2\n')
    t.equal(await file.renew(false), undefined)
    await file.append('3\n')
    t.equal(readFileSync(`${path}.1`, 'utf8'), '1\n2\n')
    t.equal(text(), '3\n')
  },
)

t.test('a file that was copied and truncated goes on at its beginning', async (t) => {
  const { path, file, text } = await open(t)
  await file.append('1\n')
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  await file.append('2\n')
  t.equal(await file.renew(false), undefined)
  await file.append('3\n')
  t.equal(text(), '2\n3\n')
})

t.test(
  'what lies in the way of a new file keeps lines in the former one, while that has a name',
  async (t) => {
    const { path, file } = await open(t)
    renameSync(path, `${path}.1`)
    symlinkSync('/dev/null', path)
    t.ok((await file.renew(false)) instanceof CodedError)
    t.match(await file.append('1\n'), { written: 2 })
    t.equal(readFileSync(`${path}.1`, 'utf8'), '1\n')
    unlinkSync(`${path}.1`)
    t.ok((await file.renew(false)) instanceof CodedError)
    t.match(await file.append('2\n'), { written: 0, error: CodedError }, 'a file without a name is no place')
    unlinkSync(path)
    t.equal(await file.renew(false), undefined)
    await file.append('3\n')
    t.equal(readFileSync(path, 'utf8'), '3\n')
  },
)

t.test('who asks for it gets the file opened anew although it is the same', async (t) => {
  const { path, file, text } = await open(t)
  await file.append('1\n')
  appendFileSync(path, 'half')
  t.equal(await file.renew(true), undefined)
  await file.append('2\n')
  t.equal(text(), '1\nhalf\n2\n')
})

t.test(
  'at an end that nobody prepared what can be written at once is, and a failure is silent',
  async (t) => {
    const { file, text } = await open(t, { content: 'half' })
    file.appendLast('1\n')
    t.equal(text(), 'half\n1\n')
    await file.close()
    file.appendLast('2\n')
    t.equal(text(), 'half\n1\n')
  },
)
