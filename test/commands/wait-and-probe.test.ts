import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { askHealth } from '../../src/commands/client/health.ts'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
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
    const { code, stdout, stderr } = await run(t, ['wait', '--timeout', '1s'], { env })
    t.match({ code, stdout }, { code: 75, stdout: '' })
    t.match(stderr, 'The sidecar was not ready within 1s: ')
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
  const late = await entry('1s')
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
  const wait = ['wait', '--timeout', '1s', '--api', sidecar.api]
  const [stranger, caller, misspelled] = await Promise.all([
    run(t, wait),
    run(t, [...wait, '--token-file', tokenFile]),
    run(t, [...wait, '--token-file', `${tokenFile}s`]),
  ])
  t.match(stranger, { code: 75, stderr: '[-]required-secrets-held failed (SIDEKEEP_WAIT_TIMED_OUT)' })
  t.notMatch(stranger.stderr, 'db-password')
  t.match(caller, { code: 75, stderr: 'Not held: db-password (missing)' })
  t.notMatch(caller.stderr, 'CANARY')
  t.match(misspelled, {
    code: 75,
    stderr: '[-]required-secrets-held failed. Which secrets are lacking is not known: ',
  })
  t.match(misspelled.stderr, `${tokenFile}s`)
  t.notMatch(misspelled.stderr, 'db-password')
})

t.test('a long wait says what it waits for, and does not say it again and again', async (t) => {
  const waiting = startChild(t, ['wait', '--timeout', '5m', '--api', 'http://127.0.0.1:9'])
  const lines = /^(sidekeep: waiting: No sidecar answers at http:\/\/127\.0\.0\.1:9.*\n)+$/
  const said = await eventually('a word of it', () => lines.test(waiting.stderr) && waiting.stderr)
  t.equal(said.trimEnd().split('\n').length, 1)
})

t.test('which secrets are lacking is asked in the time that was given', async (t) => {
  const asked: string[] = []
  // Health is answered at once, and nothing else ever.
  const server = createHttpServer((request, reply) => {
    asked.push(request.url ?? '')
    if (request.url !== '/readyz') return
    reply.writeHead(503, { 'content-type': 'text/plain' }).end('[-]files failed\nreadyz check failed\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const wait = startChild(t, ['wait', '--timeout', '700ms', '--api', `http://127.0.0.1:${port}`])
  await eventually('the first question', () => asked.includes('/readyz'))
  const { code, stderr } = await wait.ended()
  t.equal(code, 75)
  t.match(stderr, 'not ready within 700ms: [-]files failed (SIDEKEEP_WAIT_TIMED_OUT)')
  t.ok(asked.includes('/v1/secrets'))
  t.equal(
    asked.filter((url) => url === '/readyz').length,
    1,
    'the last question, since the other took its time',
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

t.test('so is one whose page is plain text, whatever it answers, and none is taken for well', async (t) => {
  const pages = ['CANARY of another\n', `ok\n${'[+]listeners ok\n'.repeat(2_000)}`, 'ok\nCANARY\n', '']
  for (const [index, page] of pages.entries()) {
    for (const status of [200, 503]) {
      const answer = { status, code: 'X', detail: 'x' }
      const { port } = await startFakeSidecar(t, { answer, page, type: 'text/plain; charset=utf-8' })
      const health = await askHealth({ api: `http://127.0.0.1:${port}` }, 'readyz', 10_000)
      const text = `The answer is not one of a sidecar; is the address right? (HTTP ${status})`
      t.strictSame(health, { passed: false, text }, `page ${index}, ${status}`)
    }
  }
  const { port } = await startFakeSidecar(t, { page: 'ok', type: 'text/html' })
  t.match(await run(t, ['probe', '--api', `http://127.0.0.1:${port}`]), { code: 1, stdout: '' })
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
