import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { buildConnector, Client } from 'undici'
import type { ProxyConfig } from '../../config/schema.ts'
import type { StringSource } from '../../config/source.ts'
import { CodedError } from '../../errors.ts'
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

/** Bytes of an answer's head. Undici's own default is Node's, 16 KiB, which some applications' cookies and policies pass. */
const maxAnswerHead = 65_536

/**
 * Opens no connection: that is done when a request wants one.
 *
 * @throws SIDEKEEP_CREDENTIAL_UNREADABLE for authorities that cannot be read, or are none
 */
export async function openUpstream(
  { upstream, upstreamTls, timeouts }: UpstreamSettings,
  clock: Clock,
): Promise<Upstream> {
  const isSocket = upstream.startsWith('unix:')
  const origin = new URL(isSocket ? 'http://localhost' : upstream)
  const host = origin.hostname.replace(/^\[(.*)\]$/, '$1')
  const { serverName } = upstreamTls
  const ca = upstreamTls.ca && (await authoritiesOf(upstreamTls.ca))
  const connect =
    origin.protocol === 'https:'
      ? tlsConnector({ host, serverName, ca, timeout: timeouts.connect })
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
      maxHeaderSize: maxAnswerHead,
      headersTimeout: timeouts.headers,
      bodyTimeout: timeouts.idle,
    })
  const life = isSocket || isIP(host) !== 0 ? undefined : connectionLife
  const connections = new UpstreamConnections({ makeClient, connect, now: () => clock.now(), life })
  return { connections, servername: serverName ?? host }
}

/** What reads them for each connection, once it is known that there are some. */
async function authoritiesOf(source: StringSource): Promise<() => Promise<string>> {
  const pem = await source.read()
  try {
    new X509Certificate(pem)
  } catch (cause) {
    const what = `${source.describe()} (proxy.upstreamTls.ca) holds no certificate. It wants PEM: -----BEGIN CERTIFICATE-----.`
    throw new CodedError('SIDEKEEP_CREDENTIAL_UNREADABLE', [what], { cause })
  }
  return () => source.read()
}
