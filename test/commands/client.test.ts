/** What the commands that ask a sidecar have in common: where they ask, and what they say when nobody answers. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { run } from '../support/process-child.ts'
import { folderOf, simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

t.test('--api names a Unix socket, and goes before SIDEKEEP_API', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const path = join(folderOf(t), 'api.sock')
  const config = simpleConfig(backend.url, { api: { listen: `unix:${path}` } })
  await startReadySidecar(t, { config })
  const env = { SIDEKEEP_API: 'http://127.0.0.1:9' }
  const asked = await Promise.all([
    run(t, ['get', 'db-password', '--raw', '--api', `unix:${path}`], { env }),
    run(t, ['get', 'db-password', '--raw'], { env: { SIDEKEEP_API: `unix:${path}` } }),
    run(t, ['probe', '--api', `unix:${path}`]),
  ])
  t.match(asked, [
    { code: 0, stdout: 'CANARY-db-password' },
    { code: 0, stdout: 'CANARY-db-password' },
    { code: 0, stdout: 'ok\n' },
  ])
})

t.test('an empty SIDEKEEP_API is none', async (t) => {
  const { code, stderr } = await run(t, ['list'], { env: { SIDEKEEP_API: '' } })
  t.not(code, 78)
  t.notMatch(stderr, 'is no address')
})

t.test('where nobody answers it is exit code 69, with the address and what to look at', async (t) => {
  const nobody = ['--api', 'http://127.0.0.1:9']
  const results = await Promise.all(
    [['get', 'x'], ['list'], ['probe']].map((args) => run(t, [...args, ...nobody])),
  )
  for (const { code, stdout, stderr } of results) {
    t.equal(code, 69)
    t.equal(stdout, '')
    t.match(stderr, 'No sidecar answers at http://127.0.0.1:9: ECONNREFUSED.')
    t.match(stderr, '(SIDEKEEP_UNREACHABLE)')
  }
  const socket = await run(t, ['list', '--api', 'unix:/nowhere/api.sock'])
  t.match(socket, { code: 69, stderr: /No sidecar answers at unix:\/nowhere\/api\.sock: ENOENT/ })
})

t.test('an address that is none is refused with what one looks like', async (t) => {
  const addresses = [
    '7575',
    'localhost:7575',
    'ftp://127.0.0.1:7575',
    'http://127.0.0.1:7575?x=y',
    'https://127.0.0.1:7575/#x',
    'https://',
    'http://127.0.0.1:7575/v1',
    'unix:api.sock',
  ]
  const results = await Promise.all(addresses.map((address) => run(t, ['list', '--api', address])))
  for (const [index, { code, stderr }] of results.entries()) {
    t.equal(code, 78)
    t.match(
      stderr,
      `"${addresses[index]}" is no address of a sidecar: expected something like http://127.0.0.1:7575`,
    )
  }
})

t.test('a password in an address is refused, and not repeated', async (t) => {
  for (const protocol of ['http', 'https']) {
    const { code, stderr } = await run(t, ['list', '--api', `${protocol}://user:CANARY-password@127.0.0.1:9`])
    t.equal(code, 78)
    t.match(stderr, 'What --api (or SIDEKEEP_API) says is no address of a sidecar')
    t.notMatch(stderr, 'CANARY-')
  }
})

t.test('an answer that is not of a sidecar is shown for what it is, and its text is not', async (t) => {
  const server = createServer((_request, response) => {
    response.writeHead(418).end('CANARY-something else')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { code, stdout, stderr } = await run(t, ['get', 'x', '--api', `http://127.0.0.1:${address.port}`])
  t.match({ code, stdout }, { code: 1, stdout: '' })
  t.match(stderr, 'The answer is not one of a sidecar; is the address right? (HTTP 418)')
  t.notMatch(stderr, 'CANARY-')
})
