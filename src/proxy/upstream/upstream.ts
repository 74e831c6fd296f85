import { isIP } from 'node:net'
import { buildConnector, Client } from 'undici'
import type { ProxyConfig } from '../../config/schema.ts'
import type { Clock } from '../../secrets/clock.ts'
import { UpstreamConnections } from './connections.ts'
import { tlsConnector } from './connector.ts'

/** Milliseconds after which a connection is given up for a new one, so that a change in DNS is followed. */
const connectionLife = 60_000

/** The application, as the proxy reaches it. */
export interface Upstream {
  readonly connections: UpstreamConnections
  /**
   * To be given with each request. Undici would otherwise take the name that the server must prove to have (and the
   * connection must be made for) from the Host header, which here is the client's to choose.
   */
  readonly servername: string
}

export type UpstreamSettings = Pick<ProxyConfig, 'upstream' | 'upstreamTls' | 'timeouts'>

/**
 * Opens no connection: that is done when a request wants one.
 *
 * @throws SIDEKEEP_CREDENTIAL_UNREADABLE for a file of authorities
 */
export async function openUpstream(
  { upstream, upstreamTls, timeouts }: UpstreamSettings,
  clock: Clock,
): Promise<Upstream> {
  const isSocket = upstream.startsWith('unix:')
  const origin = new URL(isSocket ? 'http://localhost' : upstream)
  const host = origin.hostname.replace(/^\[(.*)\]$/, '$1')
  const { serverName } = upstreamTls
  const connect =
    origin.protocol === 'https:'
      ? tlsConnector({ host, serverName, ca: await upstreamTls.ca?.read(), timeout: timeouts.connect })
      : buildConnector({
          timeout: timeouts.connect,
          allowH2: false,
          ...(isSocket ? { socketPath: upstream.slice('unix:'.length) } : {}),
        })
  const makeClient = (connector: typeof connect): Client =>
    new Client(origin, {
      connect: connector,
      pipelining: 1,
      allowH2: false,
      strictContentLength: true,
      headersTimeout: timeouts.headers,
      bodyTimeout: timeouts.idle,
    })
  const life = isSocket || isIP(host) !== 0 ? undefined : connectionLife
  const connections = new UpstreamConnections({ makeClient, connect, now: () => clock.now(), life })
  return { connections, servername: serverName ?? host }
}
