import type { Loaded } from '../config/load.ts'
import { ConfigError } from '../config/load.ts'
import type { FileWatchSettings } from '../file-watch.ts'
import type { Logger } from '../observability/log.ts'
import type { ReloadOutcome } from '../observability/metrics-state.ts'
import type { Clock } from '../secrets/clock.ts'
import { pause } from '../secrets/clock.ts'
import type { Changes } from './changes.ts'
import { movesListeners, needingRestart } from './changes.ts'
import type { ConfigFile, Look } from './config-file.ts'
import { summaryOf } from './summary.ts'

/** What became of a configuration that is right: what it changed, or why it did not change anything. */
export type Applied = Changes | 'unchanged' | 'stopping'

export interface ReloaderOptions {
  /** Undefined where the configuration comes from the environment alone, or from a pipe. */
  readonly file: Pick<ConfigFile, 'look'> | undefined
  /** Where the configuration in force comes from, for messages. */
  readonly source: string
  /** What the file held when the configuration in force was read. */
  readonly digest: string | undefined
  /** Puts a configuration in force as a whole, or rejects and changes nothing. */
  readonly apply: (loaded: Loaded) => Promise<Applied>
  /** Another configuration is in force: whether and how its file is to be watched. */
  readonly watch: (settings: FileWatchSettings) => void
  /** Where the listeners are bound now. */
  readonly addresses: () => object
  readonly ended: (outcome: ReloadOutcome) => void
  readonly log: Logger
  readonly clock: Clock
}

/** Milliseconds until a file that is wrong, or not there, is read again: it, or a token's, may be half written. */
const settling = 250

/**
 * Brings changes of the configuration into force: one at a time, and what comes meanwhile causes one more afterwards.
 * What is wrong changes nothing and is told once.
 */
export class Reloader {
  readonly #options: ReloaderOptions
  /** What the file held when it was judged last. */
  #judged: string | undefined
  #wanted: 'look' | 'reload' | undefined
  #isBusy = false
  #isClosed = false

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#judged = options.digest
  }

  /** Somebody asks for it (SIGHUP): reads the configuration again and says what came of it, even if that is nothing. */
  reload(): void {
    this.#want('reload')
  }

  /** The file may have changed: if it has, it is as if somebody had asked. */
  look(): void {
    this.#want('look')
  }

  /** Nothing is put in force from now on, but for what is on its way into force already. */
  close(): void {
    this.#isClosed = true
  }

  #want(what: 'look' | 'reload'): void {
    if (this.#isClosed) return
    if (this.#wanted !== 'reload') this.#wanted = what
    if (!this.#isBusy) void this.#work()
  }

  async #work(): Promise<void> {
    this.#isBusy = true
    const { log } = this.#options
    while (this.#wanted !== undefined && !this.#isClosed) {
      const wanted = this.#wanted
      this.#wanted = undefined
      try {
        await this.#round(wanted)
      } catch (err) {
        // Not foreseen; the next change may do better.
        log.error({ err }, 'the configuration could not be read again')
        this.#options.ended('failed')
      }
    }
    this.#isBusy = false
  }

  async #round(wanted: 'look' | 'reload'): Promise<void> {
    const { file, source, log } = this.#options
    if (file === undefined) {
      log.info(
        { source },
        'the configuration does not come from a file that can be read again: nothing to reload',
      )
      this.#options.ended('unchanged')
      return
    }
    const look = await file.look()
    if (wanted === 'look' && look.digest === this.#judged) return
    const loaded = await this.#settled(file, look)
    if (this.#isClosed) return
    if (loaded instanceof ConfigError) this.#tellInvalid(loaded)
    else await this.#apply(loaded)
  }

  /** What the file holds, judged; where that is wrong, what it holds a moment later. */
  async #settled(file: Pick<ConfigFile, 'look'>, look: Look): Promise<Loaded | ConfigError> {
    this.#judged = look.digest
    const first = await look.judge()
    if (!(first instanceof ConfigError)) return first
    await pause(this.#options.clock, settling).over
    const again = await file.look()
    this.#judged = again.digest
    // The same content may be right by now: what was half written may have been a token that it names.
    return await again.judge()
  }

  async #apply(loaded: Loaded): Promise<void> {
    const { apply, watch, addresses, ended, log } = this.#options
    let applied: Applied
    try {
      applied = await apply(loaded)
    } catch (err) {
      log.error({ source: loaded.source, err }, 'the configuration could not be applied: nothing has changed')
      ended('failed')
      return
    }
    if (applied === 'stopping') return
    if (applied === 'unchanged') {
      log.info({ source: loaded.source }, 'the configuration is the one in force already')
      ended('unchanged')
      return
    }
    watch(loaded.config.reload)
    for (const warning of loaded.warnings) log.warn(warning)
    for (const option of needingRestart(applied)) log.warn(`${option} takes effect only at the next start.`)
    const bound = movesListeners(applied) ? addresses() : {}
    log.info({ source: loaded.source, ...summaryOf(applied), ...bound }, 'the configuration was applied')
    ended('applied')
  }

  /** With the very lines that `sidekeep check` prints. */
  #tellInvalid({ message }: ConfigError): void {
    const { source, log, ended } = this.#options
    log.error({ source, problems: message.split('\n') }, 'the configuration is invalid: nothing has changed')
    ended('invalid')
  }
}
