/** Whatever becomes of the file while the sidecar runs. */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { run } from '../support/process-child.ts'
import { simpleConfig, token } from '../support/process-sidecar.ts'
import { applied, invalid, startReloaded, unchanged } from '../support/reloaded-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const

t.test('whatever becomes of the file, the sidecar goes on and takes the next good one', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const config = simpleConfig(backend.url)
  const { sidecar, file, change } = await startReloaded(t, config)
  const good = readFileSync(file)
  const isRoot = process.getuid?.() === 0
  const faults: [string, break_: () => void, mend: () => void, RegExp][] = [
    ['deleted', () => unlinkSync(file), () => {}, /got nothing/],
    ['a directory', () => rmAndMake(() => mkdirSync(file)), () => rmdirSync(file), /got a directory/],
    ['a loop', () => rmAndMake(() => symlinkSync(file, file)), () => unlinkSync(file), /ELOOP/],
    [
      'a dangling link',
      () => rmAndMake(() => symlinkSync(`${file}.no`, file)),
      () => unlinkSync(file),
      /got nothing/,
    ],
    ['garbage', () => writeFileSync(file, 'x: [\n'.repeat(10_000)), () => {}, /expected valid YAML/],
    ['1 MB of it', () => writeFileSync(file, `"${'a\n'.repeat(500_000)}`), () => {}, /expected valid YAML/],
    ['bytes', () => writeFileSync(file, Buffer.alloc(1_000_000, 0xff)), () => {}, /expected UTF-8 text/],
    ['too large', () => writeFileSync(file, Buffer.alloc(2 ** 21, 0x20)), () => {}, /at most 1048576 bytes/],
    ['empty', () => writeFileSync(file, ''), () => {}, /got an empty file/],
  ]
  // Root may read everything.
  if (!isRoot) faults.push(['unreadable', () => chmodSync(file, 0), () => chmodSync(file, 0o600), /EACCES/])
  function rmAndMake(make: () => void): void {
    rmSync(file, { force: true })
    make()
  }
  for (const [what, spoil, mend, problem] of faults) {
    const before = sidecar.logged(invalid).length
    spoil()
    const line = await sidecar.says(invalid, before + 1)
    t.match((line.problems as string[])[0], problem, what)
    t.equal((await sidecar.ask('/readyz')).status, 200)
    mend()
    const restored = sidecar.logged(unchanged).length
    writeFileSync(`${file}.good`, good)
    renameSync(`${file}.good`, file)
    // The file system has just reported, and is not believed again for a second.
    sidecar.child.signal('SIGHUP')
    await sidecar.says(unchanged, restored + 1)
  }
  t.equal(sidecar.logged(applied).length, 0)
  await change(simpleConfig(backend.url, { cache: { maxEntries: 5 } }))
})

t.test('a file that is deleted is told in the words of check, with what to do', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, file } = await startReloaded(t, simpleConfig(backend.url))
  unlinkSync(file)
  const { problems } = await sidecar.says(invalid)
  const check = await run(t, ['check', '--config', file])
  t.equal(check.code, 78)
  t.strictSame(problems, [
    check.stderr.replace(/^sidekeep: /, '').replace(/ \(SIDEKEEP_CONFIG_INVALID\)\n$/, ''),
  ])
  t.match(problems, [/got nothing: put it there, or name the place where it is$/])
})
