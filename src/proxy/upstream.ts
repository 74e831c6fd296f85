import { isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type buildConnector, Pool } from 'undici'
import type { ProxyConfig } from '../config/schema.ts'

/** Milliseconds after which a connection is given up for a new one, so that a change in DNS is followed. */
const connectionLife = 60_000

/** The application, as the proxy reaches it. */
export interface Upstream {
  readonly pool: Pool
  /**
   * To be given with each request. Undici would otherwise take the name that the server must prove to have (and the
   * connection must be made for) from the Host header, which here is the client's to choose.
   */
  readonly servername: string
}

/**
 * No bound on the number of connections: there are as many as requests under way. A request that waited for a free one
 * would be under no timeout. Nothing is ever sent twice: undici retries nothing that was sent, and neither do we.
 */
export function openUpstream({ upstream, timeouts }: Pick<ProxyConfig, 'upstream' | 'timeouts'>): Upstream {
  const isSocket = upstream.startsWith('unix:')
  const origin = new URL(isSocket ? 'http://localhost' : upstream)
  const servername = origin.hostname.replace(/^\[(.*)\]$/, '$1')
  const secure = origin.protocol === 'https:'
  const pool = new Pool(origin, {
    connections: null,
    pipelining: 1,
    allowH2: false,
    strictContentLength: true,
    clientTtl: isSocket || isIP(servername) !== 0 ? null : connectionLife,
    headersTimeout: timeouts.headers,
    bodyTimeout: timeouts.idle,
    connectTimeout: timeouts.connect,
    ...(isSocket ? { socketPath: upstream.slice('unix:'.length) } : {}),
    ...(secure ? { connect: tlsConnector(servername, timeouts.connect) } : {}),
  })
  return { pool, servername }
}

/** Checks the certificate against the upstream's own name or address, whatever the request says. */
function tlsConnector(host: string, timeout: number): buildConnector.connector {
  return ({ port }, callback) => {
    const socket = connectTls({
      host,
      port: Number(port || 443),
      // An address is checked as `host`; as a server name it may not be sent (RFC 6066, section 3).
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ['http/1.1'],
    })
    const timer = setTimeout(() => {
      const message = `connecting took longer than ${timeout} ms`
      socket.destroy(Object.assign(new Error(message), { code: 'UND_ERR_CONNECT_TIMEOUT' }))
    }, timeout)
    const failed = (error: Error): void => {
      clearTimeout(timer)
      callback(error, null)
    }
    socket.setNoDelay(true).setKeepAlive(true, 60_000)
    socket.once('error', failed).once('secureConnect', () => {
      clearTimeout(timer)
      socket.off('error', failed)
      callback(null, socket)
    })
  }
}
