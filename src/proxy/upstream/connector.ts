import { isIP } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import type { buildConnector } from 'undici'

export interface TlsConnectorOptions {
  readonly host: string
  /** What the certificate must be for; undefined: the host itself. */
  readonly serverName: string | undefined
  /** Reads PEM, anew for each connection, as the file may be replaced; undefined: the authorities that Node trusts. */
  readonly ca: (() => Promise<string>) | undefined
  /** Milliseconds, the handshake included. */
  readonly timeout: number
}

/** Connects by TLS and checks the certificate against the upstream's own name or address, whatever the request says. */
export function tlsConnector({
  host,
  serverName,
  ca,
  timeout,
}: TlsConnectorOptions): buildConnector.connector {
  // An address is checked as `host`; as a server name it may not be sent (RFC 6066, section 3).
  const name = serverName ?? (isIP(host) === 0 ? host : undefined)
  const options: ConnectionOptions = {
    host,
    ALPNProtocols: ['http/1.1'],
    ...(name === undefined ? {} : { servername: name }),
  }
  const open = (port: string, authorities: string | undefined, callback: buildConnector.Callback): void => {
    const socket = connect({
      ...options,
      port: Number(port || 443),
      ...(authorities === undefined ? {} : { ca: authorities }),
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
  return ({ port }, callback) => {
    if (ca === undefined) open(port, undefined, callback)
    else
      ca().then(
        (authorities) => open(port, authorities, callback),
        (error: Error) => callback(error, null),
      )
  }
}
