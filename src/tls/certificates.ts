import { constants } from 'node:crypto'
import type { ServerOptions } from 'node:https'
import type { Server } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { FileWatch } from '../file-watch.ts'
import type { Clock, Pause } from '../secrets/clock.ts'
import { pause } from '../secrets/clock.ts'
import type { Material, TlsFiles } from './material.ts'
import { readMaterial } from './material.ts'

/** Between two looks at the files where nothing is reported, in milliseconds. */
const pollInterval = 10_000
/** How long what is wrong with new files must last before it is told, in milliseconds: one may be written, its key not yet. */
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
  /** Other files were found: taken over, or found unfit. */
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
}

/** A change that can no longer fail, or is given up. */
interface PreparedMaterial {
  commit(): void
  abandon(): Promise<void>
}

/** What one listener serves TLS with. It is read again when a file changes; what is unfit then changes nothing. */
export class Certificates {
  readonly #options: CertificatesOptions
  #files: TlsFiles
  #material: Material
  #server: TlsServer | undefined
  #watches: readonly FileWatch[] = []
  #looking: Promise<void> | undefined
  #lookAgain = false
  /** What was found unfit and told already. */
  #told: string | undefined
  /** Until what is unfit is looked at again. */
  #pause: Pause | undefined
  #isClosed = false

  /** @throws SIDEKEEP_CERTIFICATE_INVALID */
  static async read(files: TlsFiles, options: CertificatesOptions): Promise<Certificates> {
    return new Certificates(files, await readMaterial(options.name, files, options.clock.wall()), options)
  }

  private constructor(files: TlsFiles, material: Material, options: CertificatesOptions) {
    this.#options = options
    this.#files = files
    this.#material = material
  }

  /** Of the server that is to serve with it. */
  get serverOptions(): ServerOptions {
    const isMutual = this.#material.clientCa !== undefined
    return {
      ...contextOf(this.#material),
      // HTTP/2 is not spoken here; without this a client that offers nothing else would be let in to fail later.
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout,
      requestCert: isMutual,
      rejectUnauthorized: isMutual,
    }
  }

  /** From now on changes of the files are taken over by this server, and what fails on it is counted. */
  serve(server: Server): void {
    if (!(server instanceof TlsServer)) throw new Error('not a server of TLS')
    this.#server = server
    server.on('tlsClientError', () => this.#options.observer.handshakeFailed())
    this.#took(this.#material)
    this.#watch()
  }

  /**
   * Makes ready to serve with what other files hold, or the same ones by now.
   *
   * @throws SIDEKEEP_CERTIFICATE_INVALID
   */
  async prepare(files: TlsFiles): Promise<PreparedMaterial> {
    const { name, clock } = this.#options
    const material = await readMaterial(name, files, clock.wall())
    return {
      commit: () => {
        const moves =
          files.cert !== this.#files.cert ||
          files.key !== this.#files.key ||
          files.clientCa !== this.#files.clientCa
        this.#files = files
        this.#told = undefined
        if (material.digest !== this.#material.digest) this.#took(material)
        if (moves) this.#watch()
      },
      abandon: async () => {},
    }
  }

  close(): void {
    this.#isClosed = true
    this.#pause?.end()
    for (const watch of this.#watches) watch.close()
    const { observer, address } = this.#options
    observer.expires(this, address, undefined)
  }

  /** Reads the files again. Whoever asks while they are read gets them read once more. */
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
    const first = await this.#read()
    if ('error' in first && String(first.error) !== this.#told) {
      this.#pause = pause(clock, patience)
      await this.#pause.over
    }
    const { files, material, error } = 'error' in first ? await this.#read() : first
    // A change of the configuration came first: it has read its own.
    if (this.#isClosed || files !== this.#files) return
    if (material === undefined) {
      if (String(error) === this.#told) return
      this.#told = String(error)
      observer.reloaded('failed')
      log.error({ listener: name, err: error }, 'the certificate is not taken over: the former one stays')
      return
    }
    this.#told = undefined
    if (material.digest === this.#material.digest) return
    this.#took(material)
    observer.reloaded('applied')
    log.info({ listener: name, expires: new Date(material.expiresAt) }, 'the certificate was taken over')
  }

  async #read(): Promise<
    | { readonly files: TlsFiles; readonly material: Material; readonly error?: never }
    | { readonly files: TlsFiles; readonly error: unknown; readonly material?: never }
  > {
    const [files, { name, clock }] = [this.#files, this.#options]
    try {
      return { files, material: await readMaterial(name, files, clock.wall()) }
    } catch (error) {
      return { files, error }
    }
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
    for (const watch of this.#watches) watch.close()
    const { cert, key, clientCa } = this.#files
    const paths = new Set([cert, key, clientCa].filter((path) => path !== undefined))
    this.#watches = [...paths].map(
      (path) => new FileWatch({ path, clock: this.#options.clock, look: () => void this.look() }),
    )
    for (const watch of this.#watches) watch.set({ watch: true, poll: pollInterval })
  }
}

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
