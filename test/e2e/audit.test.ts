/** The audit of a real process: how it begins, what becomes of it when its configuration changes, and how it ends. */
import { readFileSync, statSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { path, startAudited, startReaders, value } from '../support/e2e-audit.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import { run } from '../support/process-child.ts'
import { configFile, folderOf, simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'
import { failed } from '../support/reloaded-sidecar.ts'

t.test(
  'each access is a line in a file for its owner alone, and the last ones are there after a stop',
  async (t) => {
    const { sidecar, log, lines, has } = await startAudited(t)
    t.equal((await sidecar.ask(path)).text, value)
    await has(1)
    t.equal(statSync(log).mode & 0o777, 0o600)
    const [line] = lines()
    t.match(line, {
      caller: null,
      listener: '127.0.0.1:0',
      action: 'read',
      name: 'db-password',
      state: 'fresh',
      status: 200,
      code: null,
    })
    t.ok(Math.abs(Date.parse(String(line?.time)) - Date.now()) < 60_000)
    const { text } = await sidecar.ask('/metrics')
    t.equal(metric(text, 'sidekeep_audit_lines_total', { outcome: 'written' }), 1)
    t.equal(metric(text, 'sidekeep_audit_lines_total', { outcome: 'lost' }), 0)
    t.equal(metric(text, 'sidekeep_audit_failing'), 0)
    const answered = await Promise.all(Array.from({ length: 20 }, () => sidecar.ask(path)))
    sidecar.child.signal('SIGTERM')
    t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
    t.equal(lines().length, 1 + answered.length)
  },
)

t.test('who sends a value in place of a name does not get it into the file', async (t) => {
  const { sidecar, log } = await startAudited(t)
  const encoded = [...Buffer.from(value)].map((byte) => `%${byte.toString(16)}`).join('')
  for (const name of [value, encoded, `a/${value}`, `${'x'.repeat(250)}${value}`, `%zz${encoded}`]) {
    await sidecar.ask(`/v1/secrets/${name}`)
  }
  const text = (): string => readFileSync(log, 'utf8')
  await eventually('the lines', () => text().split('\n').length === 6)
  t.notMatch(decodeURIComponent(text().replaceAll('%zz', '')), 'CANARY-')
  // In the fourth the end of the name is cut.
  t.equal(text().split('[redacted db-password]').length, 5)
})

t.test('a second signal, which waits for nothing, loses no line of what was answered', async (t) => {
  const scene = await startAudited(t)
  const { sidecar, lines } = scene
  const readers = startReaders(scene, 4)
  await eventually('some answers', () => readers.answered > 20)
  sidecar.child.signal('SIGTERM')
  sidecar.child.signal('SIGINT')
  t.match(await sidecar.child.ended(), { code: 1 })
  await readers.stop()
  t.ok(lines().length >= readers.answered, `${lines().length} lines, ${readers.answered} answers`)
})

t.test('a file that cannot be written keeps the sidecar from starting, and says what to do', async (t) => {
  const folder = folderOf(t)
  const link = join(folder, 'link')
  symlinkSync(join(folder, 'target'), link)
  for (const [file, what] of [
    [link, /a symbolic link lies there \(ELOOP\)\. Name the file itself/],
    [join(folder, 'no', 'audit.log'), /its directory does not exist \(ENOENT\)\. Create it/],
    ['/dev/full', /no regular file lies there/],
  ] as const) {
    const config = configFile(t, simpleConfig('http://127.0.0.1:1', { audit: { file } }))
    const { code, stderr } = await run(t, ['run', '--config', config], { env: { AUTH_TOKEN: token } })
    t.equal(code, 78)
    t.match(stderr, what)
    t.match(stderr, /SIDEKEEP_AUDIT_UNWRITABLE/)
    t.match(stderr, file)
  }
})

t.test(
  'a change of the configuration turns it off and on, and moves it; one that fails changes nothing',
  async (t) => {
    const { sidecar, log, config, change, lines, has } = await startAudited(t)
    await sidecar.ask(path)
    await has(1)
    await change(config())
    await sidecar.ask(path)
    await change(config({ file: `${log}.2` }))
    await sidecar.ask('/v1/secrets')
    await has(2)
    t.match(
      JSON.parse(readFileSync(`${log}.2`, 'utf8')),
      { action: 'list' },
      'what was asked between is nowhere',
    )
    const { err } = await change(config({ file: join(log, 'audit.log') }), failed)
    t.match(err, { code: 'SIDEKEEP_AUDIT_UNWRITABLE' })
    await sidecar.ask(path)
    await has(3)
    await change(config({ file: `${log}.2`, onFailure: 'refuse' }))
    t.equal((await sidecar.ask(path)).text, value)
    t.equal(lines().length, 4, 'an answer waits for its line from now on')
  },
)

t.test(
  'while the file cannot be opened anew lines go on where they went, and the log says so once',
  async (t) => {
    const { sidecar, log, lines, has } = await startAudited(t)
    await sidecar.ask(path)
    await has(1)
    unlinkSync(log)
    symlinkSync('/dev/null', log)
    sidecar.child.signal('SIGHUP')
    const { level } = await sidecar.says(
      'the audit could not be opened anew: lines go where they went before',
    )
    t.equal(level, 'error')
    await sidecar.ask(path)
    // The file was deleted: there is no place to go on in.
    await sidecar.says('the audit cannot be written')
    unlinkSync(log)
    sidecar.child.signal('SIGHUP')
    await sidecar.says('the audit is written again')
    await has(1)
    t.equal(lines().length, 1, 'what waited is there')
  },
)

t.test(
  'where answers wait for their lines and those cannot be written, it is not ready, and alive',
  async (t) => {
    const { sidecar, log, has } = await startAudited(t, { onFailure: 'refuse' })
    t.match(await sidecar.ask('/readyz?verbose'), { status: 200, text: '[+]audit ok' })
    unlinkSync(log)
    symlinkSync('/dev/null', log)
    sidecar.child.signal('SIGHUP')
    await sidecar.says('the audit could not be opened anew: lines go where they went before')
    const refused = await sidecar.ask(path)
    t.match(refused, { status: 503, headers: { 'retry-after': '1' } })
    t.match(refused.json(), { code: 'SIDEKEEP_AUDIT_FAILED' })
    t.match(await sidecar.ask('/readyz'), { status: 503, text: '[-]audit failed' })
    t.equal((await sidecar.ask('/livez')).status, 200)
    t.equal(metric((await sidecar.ask('/metrics')).text, 'sidekeep_audit_failing'), 1)
    unlinkSync(log)
    await eventually('readiness', async () => (await sidecar.ask('/readyz')).status === 200)
    t.equal((await sidecar.ask(path)).text, value)
    await has(2)
    t.match(
      readFileSync(log, 'utf8'),
      /"action":"lost".*"lost":1\}\n.*"action":"read"/s,
      'and the file says what is missing',
    )
  },
)

t.test('on standard output the lines go among those of the log, and can be told apart', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', value]] })
  const config = simpleConfig(backend.url, { audit: { stdout: true, onFailure: 'refuse' } })
  const sidecar = await startReadySidecar(t, { config })
  t.equal((await sidecar.ask(path)).text, value)
  const audited = (): object[] => sidecar.log.filter((line) => line.type === 'audit')
  await eventually('the line', () => audited().length === 1)
  t.match(audited(), [{ action: 'read', name: 'db-password', status: 200, level: undefined }])
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
})
