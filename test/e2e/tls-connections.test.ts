/** What holds of connections holds over TLS too: how many there may be, what is pipelined, and how they end. */
import { once } from 'node:events'
import { Agent, get } from 'node:https'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { startBackend } from '../support/backend.ts'
import { createAuthority } from '../support/certificates.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { askSecurely } from '../support/e2e-https.ts'
import { type SidecarProcess, simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'
import { CertificateFiles } from '../tls/support.ts'

const authority = createAuthority()
const { ca } = authority
const path = '/v1/secrets/db-password?format=raw'
const value = 'CANARY-db-password'
const headers = { 'x-sidekeep-request': 'true' }

async function start(t: Test, api: object = {}, more: object = {}): Promise<SidecarProcess> {
  const backend = await startBackend(t, { token, secrets: [['db-password', value]] })
  const tls = new CertificateFiles(t, authority.issue()).files
  return await startReadySidecar(t, {
    config: simpleConfig(backend.url, { api: { listen: '127.0.0.1:0', tls, ...api }, ...more }),
  })
}

async function connected(t: Test, sidecar: SidecarProcess): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: portOf(sidecar), ca })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

/** Connections that say nothing, or nothing that is TLS. */
async function silent(t: Test, sidecar: SidecarProcess, count: number): Promise<Socket[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connectPlain(portOf(sidecar), '127.0.0.1').on('error', () => {})
      t.teardown(() => socket.destroy())
      await once(socket, 'connect')
      return socket
    }),
  )
}

function portOf(sidecar: SidecarProcess): number {
  return Number(new URL(sidecar.api).port)
}

t.test('as many callers are worked for at once as may be, each connection counted once', async (t) => {
  const sidecar = await start(t, { maxConnections: 1 })
  t.equal((await askSecurely(sidecar.api, path, { ca })).status, 200)
  const stream = get(`${sidecar.api}/v1/events`, { ca, headers, agent: false })
  stream.on('error', () => {})
  t.teardown(() => stream.destroy())
  await once(stream, 'response')
  const beyond = await askSecurely(sidecar.api, path, { ca })
  t.match(beyond.json(), { status: 503, code: 'SIDEKEEP_TOO_MANY_CONNECTIONS' })
  t.equal((await askSecurely(sidecar.api, '/livez', { ca, headers: {} })).status, 200, 'a probe is answered')
  stream.destroy()
  await eventually('a free place', async () => (await askSecurely(sidecar.api, path, { ca })).status === 200)
})

t.test('a flood of connections on which no handshake comes about locks nobody out', async (t) => {
  const sidecar = await start(t, { maxConnections: 4 })
  await silent(t, sidecar, 200)
  t.equal((await askSecurely(sidecar.api, path, { ca })).text, value)
  t.equal((await askSecurely(sidecar.api, '/livez', { ca, headers: {} })).status, 200)
  t.strictSame(
    sidecar.log.filter(({ level, secret }) => level !== 'info' && secret === undefined),
    [],
    'and is no line of the log',
  )
})

t.test('what is pipelined is answered in order, one at a time', async (t) => {
  const sidecar = await start(t)
  const etag = String((await askSecurely(sidecar.api, path, { ca })).headers.etag)
  const socket = await connected(t, sidecar)
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  const request = (target: string, more = ''): string =>
    `GET ${target} HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n${more}\r\n`
  socket.write(
    request(`${path}&wait=300ms`, `If-None-Match: ${etag}\r\n`) + request(path) + request('/v1/secrets/none'),
  )
  await eventually('three answers', () => received.includes('SIDEKEEP_SECRET_NOT_FOUND'))
  const statuses = received.match(/HTTP\/1\.1 \d+/g)
  t.strictSame(statuses, ['HTTP/1.1 304', 'HTTP/1.1 200', 'HTTP/1.1 404'])
})

t.test('more behind an answer than is kept ends the connection', async (t) => {
  const sidecar = await start(t)
  const etag = String((await askSecurely(sidecar.api, path, { ca })).headers.etag)
  const socket = await connected(t, sidecar)
  const one = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n`
  socket.write(
    `${one.replace('raw', 'raw&wait=10s')}If-None-Match: ${etag}\r\n\r\n${`${one}\r\n`.repeat(100)}`,
  )
  await once(socket.resume(), 'close')
  t.equal((await askSecurely(sidecar.api, path, { ca })).status, 200)
})

t.test('a stop lets callers leave, and waits for nobody who keeps silent', async (t) => {
  const sidecar = await start(t, {}, { shutdown: { timeout: '8s' } })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  t.equal((await askSecurely(sidecar.api, path, { ca, agent })).status, 200)
  await silent(t, sidecar, 3)
  await connected(t, sidecar)
  const half = await connected(t, sidecar)
  half.write('GET /livez HTTP/1.1\r\nHos')
  sidecar.child.signal('SIGTERM')
  await sidecar.says('stopping')
  const last = await askSecurely(sidecar.api, path, { ca, agent })
  t.match(last, { status: 200, text: value, headers: { connection: 'close' } })
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
})
