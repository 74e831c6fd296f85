import { isIP } from 'node:net'
import type { Cluster, Redis } from 'ioredis'
import type { RedisConfig } from '../../../config/schema.ts'
import type { Credentials } from './credentials.ts'

export type Ioredis = Awaited<ReturnType<typeof loadIoredis>>

export interface Address {
  readonly host: string
  readonly port: number
  /** The number of the database. */
  readonly db: number
  readonly isTls: boolean
}

/** Milliseconds that a server gets to end a connection in good order. */
const disconnectTimeout = 100

/**
 * What neither client may do: keep commands for later, send them again, connect again. When that is due, and with which
 * password, is decided here. RESP2 is all that the script's answer needs. That Redis is ready, the first probe says.
 */
const plainClient = {
  lazyConnect: true,
  enableReadyCheck: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  disableClientInfo: true,
  protocol: 2,
  disconnectTimeout,
} as const

/**
 * ioredis, loaded only when a configuration names a Redis. It reads DEBUG when it is loaded, and would then write each
 * command to standard error, the one with the password too.
 */
export async function loadIoredis() {
  const { DEBUG } = process.env
  delete process.env.DEBUG
  try {
    return (await import('ioredis')).default
  } finally {
    if (DEBUG !== undefined) process.env.DEBUG = DEBUG
  }
}

export function addressOf(url: string): Address {
  const { protocol, hostname, port, pathname } = new URL(url)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6_379 : Number(port),
    db: Number(pathname.slice(1)),
    isTls: protocol === 'rediss:',
  }
}

/** Knows no password: it is sent once there is a connection, since ioredis writes to standard error what it thinks of it. */
export function createClient(ioredis: Ioredis, { host, port, isTls }: Address, ca?: string): Redis {
  // Whoever serves several names chooses the certificate by it; an address cannot be one (RFC 6066, section 3).
  const name = isIP(host) === 0 ? { servername: host } : {}
  const tls = isTls ? { tls: { ...tlsOptions(ca), ...name } } : {}
  return new ioredis.Redis({
    ...plainClient,
    ...tls,
    host,
    port,
    enableOfflineQueue: false,
    retryStrategy: () => null,
  })
}

/** Connects to its nodes as it finds them, and so has to have the password. */
export function createCluster(
  ioredis: Ioredis,
  { host, port, isTls }: Address,
  { username }: Pick<RedisConfig, 'username'>,
  { password, ca }: Credentials,
): Cluster {
  const redisOptions = {
    ...plainClient,
    ...(isTls ? { tls: tlsOptions(ca) } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
  return new ioredis.Cluster([{ host, port }], {
    redisOptions,
    lazyConnect: true,
    enableOfflineQueue: false,
    // A certificate is for the name that is written, not for the address that it has at the moment.
    dnsLookup: (name, done) => done(null, name),
    clusterRetryStrategy: () => null,
    maxRedirections: 3,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 10,
  })
}

/** Always verified, against the host that is connected to, whatever NODE_TLS_REJECT_UNAUTHORIZED says. */
function tlsOptions(ca: string | undefined) {
  return { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) }
}
