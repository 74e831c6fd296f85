/** A sidecar whose proxy serves HTTPS with a secret of its own. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { type Backend, startBackend } from './backend.ts'
import type { ServerCertificate } from './certificates.ts'
import { simpleConfig, token } from './process-sidecar.ts'

/** The option `proxy.tls` for what `rotate` puts into the backend. */
export const secretTls = {
  cert: { secret: 'shared/tls', field: 'tls.crt' },
  key: { secret: 'shared/tls', field: 'tls.key' },
}

const rule = { provider: 'platform', refresh: '200ms', maxStale: '1h', required: true }

export interface ProxyScene {
  readonly backend: Backend
  /** Puts a certificate into the secret. What it holds beside that is a canary. */
  rotate(pair: Partial<ServerCertificate>): void
  /** The configuration with these options of the proxy. */
  configOf(proxy: object, more?: { readonly secrets?: object; readonly log?: object }): object
}

/** A backend and an application that says hello, until the test ends. */
export async function proxyScene(t: Test): Promise<ProxyScene> {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const application = createServer((_request, response) => response.end('hello'))
  application.listen(0, '127.0.0.1')
  await once(application, 'listening')
  t.teardown(() => {
    application.close()
    application.closeAllConnections()
  })
  const upstream = `http://127.0.0.1:${(application.address() as AddressInfo).port}`
  return {
    backend,
    rotate({ cert, key }) {
      // What comes before the first line of PEM is a remark (RFC 7468, section 2).
      const fields = { 'tls.crt': cert, 'tls.key': key && `CANARY-before-the-key\n${key}` }
      backend.secrets.set('shared/tls', { value: JSON.stringify(fields) })
    },
    configOf: (proxy, { secrets = { 'shared/tls': rule }, ...more } = {}) =>
      simpleConfig(backend.url, {
        secrets: { 'db-password': rule, ...secrets },
        proxy: { listen: '127.0.0.1:0', upstream, ...proxy },
        ...more,
      }),
  }
}

/** Another rule of the same backend. */
export const anotherRule = rule
