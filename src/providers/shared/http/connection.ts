import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
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

/** What a connection over TLS is made with, in PEM. */
export interface TlsMaterial {
  /** The authorities to trust; undefined for those that Node trusts. */
  readonly ca?: string | undefined
  /** What we show of ourselves, where the backend asks for it: the certificate, with its chain, and its key. */
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

interface Held {
  readonly pool: Pool
  readonly tls: TlsMaterial
  users: number
}

/** The connections to one origin. A change of what TLS is made with replaces them; exchanges under way end first. */
export class Connection {
  readonly #options: ConnectionOptions
  #held: Held | undefined
  readonly #retired = new Set<Held>()
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /**
   * The pool for connections made with this. Throws an error with the code `UND_ERR_CLOSED` after `close`, and
   * `UnusableMaterial`. Synchronous, so that two callers cannot replace each other's pool in between.
   */
  lease(tls: TlsMaterial = {}): Lease {
    if (this.#closed) throw Object.assign(new Error('the connection is closed'), { code: 'UND_ERR_CLOSED' })
    if (this.#held === undefined || !isSame(this.#held.tls, tls)) {
      const next: Held = { pool: this.#open(tls), tls, users: 0 }
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

  #open(tls: TlsMaterial): Pool {
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
      connect: { timeout, ...(isSame(tls, {}) ? undefined : { secureContext: contextOf(tls) }) },
    })
  }
}

/** What TLS was to be made with is not in PEM, or holds a broken certificate, or a key that is another's. */
export class UnusableMaterial extends Error {
  readonly what: keyof TlsMaterial

  constructor(what: keyof TlsMaterial, message: string) {
    super(message)
    this.what = what
  }
}

function contextOf({ ca, certificate, key }: TlsMaterial): SecureContext {
  // Each is looked at by itself: what OpenSSL says of all of them together names none.
  const authorities = ca === undefined ? undefined : certificatesOf(ca, 'ca')
  const chain = certificate === undefined ? undefined : certificatesOf(certificate, 'certificate')
  if (key !== undefined && chain !== undefined) checkKey(key, chain)
  return createSecureContext({
    ...(authorities !== undefined && { ca: authorities }),
    ...(chain !== undefined && key !== undefined && { cert: chain.join('\n'), key }),
  })
}

/** Node takes any text for a CA and then trusts nobody, which would look like a fault of the server's certificate. */
function certificatesOf(pem: string, what: 'ca' | 'certificate'): string[] {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (certificates === null) throw new UnusableMaterial(what, 'it holds no PEM certificate')
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate)
    } catch {
      throw new UnusableMaterial(what, 'it holds a certificate that cannot be read')
    }
  }
  return [...certificates]
}

/** OpenSSL's own errors may quote what they stumbled over, so none is kept. */
function checkKey(pem: string, [leaf = '']: readonly string[]): void {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    throw new UnusableMaterial('key', 'it holds no private key in PEM that can be read without a passphrase')
  }
  if (!new X509Certificate(leaf).checkPrivateKey(key)) {
    throw new UnusableMaterial('key', 'it does not belong to the certificate')
  }
}

function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.certificate === b.certificate && a.key === b.key
}
