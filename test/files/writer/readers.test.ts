import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Content } from '../../../src/files/content.ts'
import { publish } from '../../../src/files/writer/publish.ts'
import { fileOf, folderOf, writerFolder } from '../../support/writer-look.ts'
import type { Report } from '../../support/writer-reader.ts'

const ownership = { mode: 0o440, owner: undefined, group: undefined }
const reader = join(import.meta.dirname, '..', '..', 'support', 'writer-reader.ts')

/** Lengths differ, so that what is torn cannot pass for whole by chance. */
const textOf = (version: number, lines: number): string => `${version}\n`.repeat(lines + (version % 7) * 100)

async function read(t: Test, kind: Content['kind'], path: string) {
  const child = spawn(process.execPath, [reader, kind, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await once(child.stdout, 'data')
  return async (): Promise<Report> => {
    child.stdin.end()
    await once(child, 'close')
    return JSON.parse(output)
  }
}

t.test('another process that reads a file all the time never finds it torn, missing or older', async (t) => {
  const path = join(writerFolder(t), 'secrets')
  const contentOf = (version: number) => fileOf(textOf(version, 2_000))
  await publish(path, contentOf(1), ownership)
  const done = await read(t, 'file', path)
  for (let version = 2; version <= 400; version += 1) await publish(path, contentOf(version), ownership)
  const { reads, versions, wrong } = await done()
  t.strictSame(wrong, [])
  t.ok(reads > 100 && versions > 10, `${reads} reads saw ${versions} versions`)
})

t.test('another process that reads a folder all the time never finds a set that is mixed', async (t) => {
  const path = join(writerFolder(t), 'secrets')
  const contentOf = (version: number) =>
    folderOf({
      a: textOf(version, 100),
      b: textOf(version, 1_000),
      'db/c': textOf(version, 10),
      // Names that come and go beside them.
      [`odd/${version}`]: 'CANARY',
      [`own-${version}`]: 'CANARY',
    })
  await publish(path, contentOf(1), ownership)
  const done = await read(t, 'folder', path)
  for (let version = 2; version <= 24; version += 1) await publish(path, contentOf(version), ownership)
  const { reads, versions, wrong } = await done()
  t.strictSame(wrong, [])
  t.ok(reads > 100 && versions > 10, `${reads} reads saw ${versions} versions`)
  t.strictSame(
    readdirSync(path)
      .filter((name) => !name.startsWith('..'))
      .sort(),
    ['a', 'b', 'db', 'odd', 'own-24'],
  )
})
