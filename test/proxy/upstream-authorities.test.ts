/** `upstreamTls.ca`: the authorities that the certificate of the application may come from. */
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StringSource } from '../../src/config/source.ts'
import { type Authority, createAuthority } from '../support/certificates.ts'
import { configOf, startProxy } from './support/proxy.ts'
import { exchange } from './support/raw-client.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

async function startSecure(t: Test, authority: Authority): Promise<string> {
  const server = createServer(authority.issue(), (_request, response) => {
    response.setHeader('connection', 'close').end('secure')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('authorities that are replaced in their file hold for the next connection', async (t) => {
  const file = join(t.testdir(), 'ca.pem')
  writeFileSync(file, createAuthority().ca)
  const authority = createAuthority()
  const upstream = await startSecure(t, authority)
  const { port } = await startProxy(t, { upstream, upstreamTls: { ca: new StringSource({ file }, 'text') } })
  t.equal((await exchange(t, port, get)).status, 502)
  writeFileSync(`${file}.new`, authority.ca)
  renameSync(`${file}.new`, file)
  t.match(await exchange(t, port, get), { status: 200, body: 'secure' })
})

t.test('what holds no certificate is refused at once, by its place', async (t) => {
  const ca = new StringSource('CANARY-no-certificate', 'text')
  const upstream = 'https://127.0.0.1:1'
  await t.rejects(startProxy(t, { upstream, upstreamTls: { ca } }), {
    code: 'SIDEKEEP_CREDENTIAL_UNREADABLE',
    message: /^the configuration \(proxy\.upstreamTls\.ca\) holds no certificate/,
  })
  const { proxy } = await startProxy(t, { upstream: 'http://127.0.0.1:1' })
  await t.rejects(proxy.prepare(configOf({ upstream, upstreamTls: { ca } })), {
    code: 'SIDEKEEP_CREDENTIAL_UNREADABLE',
  })
})
