import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { Pool } from 'undici'

export interface ConnectionOptions {
  readonly origin: string
  /** Milliseconds: for connecting, for the headers, and between two pieces of a body. */
  readonly timeout: number
  /** How many connections at the most: as many as calls may be under way. */
  readonly connections: number
}

export interface Lease {
  readonly pool: Pool
  /** To be called once, when the exchange is over. */
  release(): void
}

/** Milliseconds after which a connection is given up for a new one, so that a change in DNS is followed. */
const connectionLife = 60_000

interface Held {
  readonly pool: Pool
  readonly ca: string | undefined
  users: number
}

/** The connections to one origin. A change of the certificate authority replaces them; exchanges under way end first. */
export class Connection {
  readonly #options: ConnectionOptions
  #held: Held | undefined
  readonly #retired = new Set<Held>()
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /**
   * The pool for this certificate authority (PEM; undefined for those that Node trusts). Throws an error with the code
   * `UND_ERR_CLOSED` after `close`, and `UnusableAuthority`. Synchronous, so that two callers cannot replace each
   * other's pool in between.
   */
  lease(ca: string | undefined): Lease {
    if (this.#closed) throw Object.assign(new Error('the connection is closed'), { code: 'UND_ERR_CLOSED' })
    if (this.#held === undefined || this.#held.ca !== ca) {
      const next: Held = { pool: this.#open(ca), ca, users: 0 }
      const old = this.#held
      this.#held = next
      if (old !== undefined) this.#retire(old)
    }
    const held = this.#held
    held.users++
    return {
      pool: held.pool,
      release: () => {
        held.users--
        if (this.#retired.has(held)) this.#retire(held)
      },
    }
  }

  /** Ends all exchanges and connections. */
  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#retired, ...(this.#held === undefined ? [] : [this.#held])]
    this.#held = undefined
    this.#retired.clear()
    await Promise.all(all.map(({ pool }) => pool.destroy()))
  }

  /** Closes a pool when nobody uses it any more. */
  #retire(held: Held): void {
    this.#retired.add(held)
    if (held.users > 0) return
    this.#retired.delete(held)
    // Nobody waits for it, and a pool without requests has nothing that could fail.
    held.pool.destroy().catch(() => {})
  }

  #open(ca: string | undefined): Pool {
    const { origin, timeout, connections } = this.#options
    return new Pool(origin, {
      // A call that waited for a connection here would spend its own `timeout` on it, and a healthy backend would look
      // like one that does not answer.
      connections,
      pipelining: 1,
      allowH2: false,
      clientTtl: connectionLife,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      strictContentLength: true,
      // One context for all connections: the certificates are parsed once.
      connect: { timeout, ...(ca === undefined ? undefined : { secureContext: trusting(ca) }) },
    })
  }
}

/** The certificate authority is not in PEM, or holds a broken certificate. */
export class UnusableAuthority extends Error {}

/** Node takes any text for a CA and then trusts nobody, which would look like a fault of the server's certificate. */
function trusting(ca: string): SecureContext {
  const certificates = ca.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (certificates === null) throw new UnusableAuthority('it holds no PEM certificate')
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate)
    } catch {
      throw new UnusableAuthority('it holds a certificate that cannot be read')
    }
  }
  return createSecureContext({ ca: certificates })
}
