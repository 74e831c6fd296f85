import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { run, sources, startChild } from '../support/process-child.ts'
import { shell } from '../support/process-shell.ts'
import { folderOf, simpleConfig, startSidecar, token } from '../support/process-sidecar.ts'
import { startFakeSidecar } from './support/fake-sidecar.ts'

t.test('wait and probe tell whether a sidecar is ready', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  await backend.stop()
  const sidecar = await startSidecar(t, { config: simpleConfig(backend.url) })
  const env = { SIDEKEEP_API: sidecar.api }

  await t.test('not in time: exit code 75, with what it waits for', async (t) => {
    const { code, stdout, stderr } = await run(t, ['wait', '--timeout', '200ms'], { env })
    t.match({ code, stdout }, { code: 75, stdout: '' })
    t.match(stderr, 'The sidecar was not ready within 200ms: ')
    t.match(stderr, '[-]required-secrets-held failed. Not held: db-password (not-loaded)')
    t.notMatch(stderr, '[+]', 'nothing of what is well')
    t.match(stderr, '(SIDEKEEP_WAIT_TIMED_OUT)')
  })

  await t.test('a probe says no with exit code 1, and why', async (t) => {
    const [ready, named, started, live] = await Promise.all(
      [['probe'], ['probe', 'readyz'], ['probe', 'startupz'], ['probe', 'livez']].map((args) =>
        run(t, args, { env }),
      ),
    )
    t.match(ready, { code: 1, stdout: '', stderr: /^\[-\]required-secrets-held failed$/m })
    t.match(named, { code: 1, stdout: '', stderr: /readyz check failed/ })
    t.match(started, { code: 1, stdout: '', stderr: /startupz check failed/ })
    t.match(live, { code: 0, stdout: 'ok\n', stderr: '' })
  })

  await t.test('wait ends when the sidecar becomes ready', async (t) => {
    const waiting = startChild(t, ['wait', '--timeout', '30s'], { env })
    await backend.start()
    // A word of its waiting, where the machine is slow.
    t.match(await waiting.ended(), { code: 0, stdout: '', stderr: /^(sidekeep: waiting: .*\n)?$/ })
    t.equal((await sidecar.ask('/readyz')).status, 200)
  })

  await t.test('and at once when it is', async (t) => {
    t.match(await run(t, ['wait', '--timeout', '10s'], { env }), { code: 0, stdout: '', stderr: '' })
    t.match(await run(t, ['probe'], { env }), { code: 0, stdout: 'ok\n', stderr: '' })
  })
})

t.test('in an entry script the application begins once there is something to read', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  await backend.stop()
  const { api } = await startSidecar(t, { config: simpleConfig(backend.url) })
  const folder = folderOf(t)
  const script = `#!/bin/sh\nexec '${process.execPath}' '${sources}' "$@"\n`
  writeFileSync(join(folder, 'sidekeep'), script, { mode: 0o755 })
  const entry = (timeout: string): ReturnType<typeof shell> =>
    shell(
      `export SIDEKEEP_API=${api}; sidekeep wait --timeout ${timeout} && exec sidekeep get db-password`,
      `${folder}:/usr/bin:/bin`,
    )
  const late = await entry('300ms')
  t.match(late, { code: 75, stdout: '', stderr: /Not held: db-password/ }, 'and not at all if it never comes')
  const started = entry('15s')
  await backend.start()
  t.match(await started, { code: 0, stdout: 'CANARY-db-password' })
})

t.test('which secrets are lacking is for those who may know', async (t) => {
  const backend = await startBackend(t, { token })
  const tokenFile = join(folderOf(t), 'token')
  const value = 'CANARY-caller-token-0123456789abcdef'
  writeFileSync(tokenFile, value)
  const sidecar = await startSidecar(t, {
    config: simpleConfig(backend.url, {
      api: { listen: '127.0.0.1:0', callers: { app: { tokens: [{ file: tokenFile }], allow: ['*'] } } },
    }),
  })
  const wait = ['wait', '--timeout', '200ms', '--api', sidecar.api]
  const [stranger, caller] = await Promise.all([run(t, wait), run(t, [...wait, '--token-file', tokenFile])])
  t.match(stranger, { code: 75, stderr: '[-]required-secrets-held failed (SIDEKEEP_WAIT_TIMED_OUT)' })
  t.notMatch(stranger.stderr, 'db-password')
  t.match(caller, { code: 75, stderr: 'Not held: db-password (missing)' })
  t.notMatch(caller.stderr, 'CANARY')
})

t.test('a long wait says what it waits for', async (t) => {
  const args = ['wait', '--timeout', '2500ms', '--api', 'http://127.0.0.1:9']
  const { code, stderr } = await run(t, args)
  t.equal(code, 75)
  t.match(
    stderr,
    /^sidekeep: waiting: No sidecar answers at http:\/\/127\.0\.0\.1:9.*\n.*WAIT_TIMED_OUT\)\n$/,
  )
})

t.test('whoever answers bit by bit has not answered in time', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 200 OK\r\n')
    const timer = setInterval(() => socket.write('X-Slow: 1\r\n'), 50)
    socket.on('close', () => clearInterval(timer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [probe, wait] = await Promise.all([
    run(t, ['probe', '--api', api]),
    run(t, ['wait', '--timeout', '500ms', '--api', api]),
  ])
  t.match(probe, { code: 69, stderr: /no answer within 900 ms.*\(SIDEKEEP_UNREACHABLE\)/ })
  t.match(wait, { code: 75, stderr: /no answer within \d+ ms/ })
})

t.test('another program that took the port is told as such, without its page', async (t) => {
  const answer = { status: 404, code: 'X', detail: 'x' }
  const { port } = await startFakeSidecar(t, { answer, page: '<html>a long page</html>' })
  const api = `http://127.0.0.1:${port}`
  const [probe, wait] = await Promise.all([
    run(t, ['probe', '--api', api]),
    run(t, ['wait', '--timeout', '200ms', '--api', api]),
  ])
  t.match(probe, { code: 1, stderr: /not one of a sidecar; is the address right\? \(HTTP 404\)/ })
  t.match(wait, { code: 75, stderr: /not one of a sidecar/ })
  t.notMatch(probe.stderr + wait.stderr, 'html')
})

t.test('a probe of a sidecar that is not there says so at once, as an exec probe wants it', async (t) => {
  t.match(await run(t, ['probe', 'livez'], { env: { SIDEKEEP_API: 'http://127.0.0.1:9' } }), {
    code: 69,
    stdout: '',
    stderr: /No sidecar answers at http:\/\/127\.0\.0\.1:9: ECONNREFUSED\. Is it running/,
  })
})

t.test('wait outlasts a sidecar that does not answer yet, and says so', async (t) => {
  const { code, stderr } = await run(t, ['wait', '--timeout', '300ms', '--api', 'http://127.0.0.1:9'])
  t.equal(code, 75)
  t.match(stderr, 'not ready within 300ms: No sidecar answers at http://127.0.0.1:9')
})

t.test('a timeout and a probe that are none are refused', async (t) => {
  t.match(await run(t, ['wait', '--timeout', '60']), {
    code: 78,
    stderr: /--timeout 60: expected a duration such as 500ms or 60s/,
  })
  t.match(await run(t, ['probe', 'healthy']), {
    code: 78,
    stderr: /There is no probe "healthy"; expected one of livez, startupz, readyz/,
  })
})
