import { constants } from 'node:crypto'
import type { ServerOptions } from 'node:https'
import type { Server } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Clock, Pause } from '../secrets/clock.ts'
import { pause } from '../secrets/clock.ts'
import type { Material } from './material.ts'
import { NotHeld, noSecrets, readMaterial } from './material.ts'
import type { TlsPlaces, TlsSecrets } from './place.ts'
import { isSamePlaces, isSecret } from './place.ts'
import { watchPlaces } from './watch-places.ts'

/** How long what is wrong must last before it is told, in milliseconds: a certificate may be there, its key not yet. */
const patience = 2_000
/** How long a client may take for the handshake, in milliseconds. */
const handshakeTimeout = 10_000

/** The part of the log that is used here. */
export interface TlsLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** Where it is counted what becomes of TLS. */
export interface TlsObserver {
  /** Another certificate was found: taken over, or found unfit. */
  reloaded(outcome: 'applied' | 'failed'): void
  /** A client did not get as far as a request. */
  handshakeFailed(): void
  /** What a listener is served with from now on ends then, in milliseconds since the epoch; undefined: nothing any more. */
  expires(certificates: object, listener: string, at: number | undefined): void
}

export interface CertificatesOptions {
  /** What the listener is called in the configuration. */
  readonly name: string
  /** Its address, as the configuration writes it: the label of metrics. */
  readonly address: string
  readonly clock: Clock
  readonly log: TlsLog
  readonly observer: TlsObserver
  /** Where it may lie in secrets. */
  readonly secrets?: TlsSecrets
  /** Called when there is something to serve with where there was nothing before. */
  readonly onFit?: () => void
}

/** A change that can no longer fail, or is given up. */
interface PreparedMaterial {
  commit(): void
  abandon(): Promise<void>
}

/**
 * What one listener serves TLS with. It is read again when something changes where it lies; what is unfit then changes
 * nothing. Of what lies in secrets there may be nothing yet: they are fetched after the server is made.
 */
export class Certificates {
  readonly #options: CertificatesOptions
  readonly #secrets: TlsSecrets
  #places: TlsPlaces
  /** Undefined: there is nothing to serve with yet. */
  #material: Material | undefined
  #server: TlsServer | undefined
  /** Undefined before anything is watched. */
  #endWatch: (() => void) | undefined
  #looking: Promise<void> | undefined
  #lookAgain = false
  /** What was found unfit and told already. */
  #told: string | undefined
  /** Until what is unfit is looked at again. */
  #pause: Pause | undefined
  #isClosed = false

  /**
   * Reads what is there already: of secrets that are not held there is nothing as yet.
   *
   * @throws SIDEKEEP_CERTIFICATE_INVALID
   */
  static async read(places: TlsPlaces, options: CertificatesOptions): Promise<Certificates> {
    const certificates = new Certificates(places, options)
    const { material, error } = await certificates.#read(places)
    if (material === undefined && !(error instanceof NotHeld)) throw error
    certificates.#material = material
    return certificates
  }

  private constructor(places: TlsPlaces, options: CertificatesOptions) {
    this.#options = options
    this.#secrets = options.secrets ?? noSecrets
    this.#places = places
  }

  /** Of the server that is to serve with it; without a certificate, where there is none yet. */
  get serverOptions(): ServerOptions {
    const isMutual = this.#places.clientCa !== undefined
    return {
      ...(this.#material && contextOf(this.#material)),
      // HTTP/2 is not spoken here; without this a client that offers nothing else would be let in to fail later.
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout,
      requestCert: isMutual,
      rejectUnauthorized: isMutual,
    }
  }

  /** From now on changes are taken over by this server, and what fails on it is counted. */
  serve(server: Server): void {
    if (!(server instanceof TlsServer)) throw new Error('not a server of TLS')
    this.#server = server
    server.on('tlsClientError', () => this.#options.observer.handshakeFailed())
    if (this.#material === undefined) return
    this.#took(this.#material)
    this.#watch()
  }

  /**
   * Whether there is something to serve with. To be asked when all secrets should be held: where there is nothing even
   * then, it is told what is wrong, and `onFit` is called as soon as that is over.
   */
  async fit(): Promise<boolean> {
    if (this.#endWatch === undefined) {
      this.#watch()
      const { material } = await this.#read(this.#places)
      if (material !== undefined && this.#material === undefined) this.#took(material)
      // What is wrong is told, and what has changed while it was read is not missed.
      void this.look()
    }
    return this.#material !== undefined
  }

  /**
   * Makes ready to serve with what lies at other places, or at the same ones by now. Of a secret that is not held the
   * former one is served on until it is.
   *
   * @throws SIDEKEEP_CERTIFICATE_INVALID
   */
  async prepare(places: TlsPlaces): Promise<PreparedMaterial> {
    const moves = !isSamePlaces(places, this.#places)
    const { material, error } = await this.#read(places)
    // An unfit secret, which has been told of, must not stand in the way of every other change.
    const isKnown = !moves && Object.values(places).some(isSecret)
    if (material === undefined && !isKnown && !(error instanceof NotHeld)) throw error
    return {
      commit: () => {
        if (!moves && material === undefined) return
        this.#places = places
        this.#told = undefined
        if (material !== undefined && material.digest !== this.#material?.digest) this.#takeOver(material)
        if (!moves || this.#endWatch === undefined) return
        this.#watch()
        void this.look()
      },
      abandon: async () => {},
    }
  }

  close(): void {
    this.#isClosed = true
    this.#pause?.end()
    this.#endWatch?.()
    const { observer, address } = this.#options
    observer.expires(this, address, undefined)
  }

  /** Reads it again. Whoever asks while it is read gets it read once more. */
  look(): Promise<void> {
    this.#lookAgain = this.#looking !== undefined
    this.#looking ??= this.#lookAround().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookAround(): Promise<void> {
    do {
      this.#lookAgain = false
      await this.#lookOnce()
    } while (this.#lookAgain && !this.#isClosed)
  }

  async #lookOnce(): Promise<void> {
    const { clock, log, observer, name } = this.#options
    const places = this.#places
    let found = await this.#read(places)
    if (found.material === undefined && String(found.error) !== this.#told) {
      this.#pause = pause(clock, patience)
      await this.#pause.over
      found = await this.#read(places)
    }
    const { material, error } = found
    // A change of the configuration came first: it has read its own.
    if (this.#isClosed || places !== this.#places) return
    if (material === undefined) {
      if (String(error) === this.#told) return
      this.#told = String(error)
      observer.reloaded('failed')
      log.error({ listener: name, err: error }, this.#material === undefined ? staysClosed : staysAsItWas)
      return
    }
    this.#told = undefined
    if (material.digest === this.#material?.digest) return
    this.#takeOver(material)
    observer.reloaded('applied')
    log.info({ listener: name, expires: new Date(material.expiresAt) }, 'the certificate was taken over')
  }

  async #read(places: TlsPlaces): Promise<Found> {
    const { name, clock } = this.#options
    try {
      return { material: await readMaterial(name, places, clock.wall(), this.#secrets) }
    } catch (error) {
      return { error }
    }
  }

  #takeOver(material: Material): void {
    const isFirst = this.#material === undefined
    this.#took(material)
    if (isFirst) this.#options.onFit?.()
  }

  /** Connections that are open stay as they are; those to come meet this. */
  #took(material: Material): void {
    const { name, address, log, observer } = this.#options
    if (material !== this.#material) this.#server?.setSecureContext(contextOf(material))
    this.#material = material
    observer.expires(this, address, material.expiresAt)
    if (material.warning !== undefined) {
      log.warn({ listener: name, why: material.warning }, 'clients will refuse the certificate')
    }
  }

  #watch(): void {
    this.#endWatch?.()
    this.#endWatch = watchPlaces(this.#places, this.#secrets, this.#options.clock, () => void this.look())
  }
}

/** What was read, or what is wrong with it. */
type Found =
  | { readonly material: Material; readonly error?: never }
  | { readonly error: unknown; readonly material?: never }

const staysAsItWas = 'the certificate is not taken over: the former one stays'
const staysClosed = 'the listener stays closed until its certificate is fit'

/** What of it can change while the server listens. */
function contextOf({ cert, key, clientCa }: Material) {
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    minVersion: 'TLSv1.2',
    // No resumption by ticket: a resumed session would not be held against authorities that have changed meanwhile.
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const
}
