import type { Timer } from '../secrets/clock.ts'
import { gapLine } from './line.ts'
import { countWithin, type Line, letGo, notRecorded, refuse, retryInterval, textOf } from './lines.ts'
import type { WriterOptions } from './writer-options.ts'

/** How much may wait to be written, in bytes; what comes beyond it is lost, and counted. */
export const mostWaiting = 1024 * 1024
/**
 * At the least between two writes that nobody waits for, in milliseconds: each costs several times what a read from memory
 * does, and may have many lines.
 */
export const breath = 5
/** How often it is looked whether the file is still at its place, in milliseconds. */
export const lookInterval = 5_000
/**
 * How long a write, or a look whether the file is at its place, may take before lines count as not written, in
 * milliseconds: a network file system may hang for ever.
 */
export const patience = 5_000

/**
 * Writes lines in the order in which they came, one write at a time: those of one turn of the event loop together, and
 * while there are many, those of a few milliseconds. Nobody waits for the disk, but where `refuse` wants it, and there
 * the next write begins as soon as the last one has ended. What could not be written is tried again while there is room
 * for it; where lines are missing all the same, a line says how many.
 */
export class Writer {
  readonly #options: WriterOptions
  #onFailure: 'serve' | 'refuse'
  #waiting: Line[] = []
  /** Of what waits and of what is being written. */
  #bytes = 0
  /** How many were lost that no line tells of yet. */
  #untold = 0
  #isFailing = false
  #retryIsDue = false
  #renewal: 'none' | 'look' | 'force' = 'none'
  #isBehind = false
  #working: Promise<void> | undefined
  #isScheduled = false
  #isClosed = false
  /** When the next write may begin that nobody waits for, on the monotonic clock. */
  #nextAt = Number.NEGATIVE_INFINITY
  #breath: Timer | undefined
  #retry: Timer | undefined
  #look: Timer | undefined
  readonly #atExit = (): void => this.#options.sink.appendLast(textOf(this.#waiting))

  constructor(options: WriterOptions) {
    this.#options = options
    this.#onFailure = options.onFailure
    process.once('exit', this.#atExit)
    this.#lookLater()
  }

  /** Whether the last attempt failed. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  /** Whether nobody is to be answered what cannot be recorded. */
  get refuses(): boolean {
    return this.#onFailure === 'refuse'
  }

  /** From now on. Two writers of one file would tear each other's lines. */
  change(onFailure: 'serve' | 'refuse'): void {
    this.#onFailure = onFailure
    if (!this.refuses) letGo(this.#waiting)
  }

  /** @returns where `refuse` is wanted, what resolves when the line is written, and rejects where it is not */
  record(line: string): Promise<void> | undefined {
    const text = this.#options.dress(line)
    const bytes = Buffer.byteLength(text)
    const { refuses } = this
    if (this.#isClosed || (refuses && this.#isFailing) || this.#bytes + bytes > mostWaiting) {
      this.#lose(1)
      return refuses ? Promise.reject(notRecorded()) : undefined
    }
    const settled = refuses ? Promise.withResolvers<void>() : undefined
    this.#waiting.push({ text, bytes, settled })
    this.#bytes += bytes
    this.#workSoon()
    return settled?.promise
  }

  /** The file may have been moved away, or somebody says that it has been: opens what lies at its place now. */
  renew(how: 'look' | 'force'): void {
    if (this.#renewal !== 'force') this.#renewal = how
    void this.#work()
  }

  /** Somebody else lost so many lines, and no line tells of them: one here will. */
  owe(lines: number): void {
    this.#untold += lines
    this.#workSoon()
  }

  /**
   * Writes what waits, in one last attempt, and lets go of the sink.
   *
   * @returns how many lines were lost that no line tells of
   */
  async close(): Promise<number> {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#look?.cancel()
    this.#breath?.cancel()
    await this.#working
    this.#retryIsDue = true
    await this.#work()
    this.#giveUp(this.#waiting.splice(0))
    process.off('exit', this.#atExit)
    await this.#options.sink.close()
    return this.#untold
  }

  #lookLater(): void {
    this.#look = this.#options.clock.setTimer(() => {
      this.#lookLater()
      this.renew('look')
    }, lookInterval)
  }

  #workSoon(): void {
    if (this.#isScheduled || this.#working !== undefined || (this.#isFailing && !this.#retryIsDue)) return
    this.#isScheduled = true
    const begin = (): void => {
      this.#isScheduled = false
      void this.#work()
    }
    const { clock } = this.#options
    const rest = this.refuses ? 0 : this.#nextAt - clock.now()
    if (rest > 0) this.#breath = clock.setTimer(begin, rest)
    else setImmediate(begin)
  }

  #work(): Promise<void> {
    this.#working ??= this.#workOff().finally(() => {
      this.#working = undefined
      if (this.#waiting.length > 0 && !this.#isClosed) this.#workSoon()
    })
    return this.#working
  }

  async #workOff(): Promise<void> {
    for (;;) {
      if (this.#renewal !== 'none') await this.#renewNow()
      else if (this.#isDue()) await this.#writeNow()
      else return
    }
  }

  #isDue(): boolean {
    if (this.#isFailing) return this.#retryIsDue
    if (this.#waiting.length + this.#untold === 0) return false
    return this.refuses || this.#isClosed || this.#options.clock.now() >= this.#nextAt
  }

  async #renewNow(): Promise<void> {
    const { sink, observer } = this.#options
    const force = this.#renewal === 'force'
    this.#renewal = 'none'
    const late = this.#failWhenLate('a look at the file', () => {
      // When it ends after all, the next write says how things are.
      this.#retryIsDue = true
    })
    const error = await sink.renew(force)
    late.cancel()
    if (error !== undefined && !this.#isBehind) observer.stuckBehind(sink.name, error)
    this.#isBehind = error !== undefined
    // What was in the way may have been the file that was there.
    if (force && this.#isFailing) this.#retryIsDue = true
  }

  async #writeNow(): Promise<void> {
    const { sink, dress, clock, observer } = this.#options
    // A file that cannot be written to may have been replaced by one that can.
    if (this.#isFailing) await sink.renew(false)
    this.#retryIsDue = false
    const lines = this.#waiting.splice(0)
    const untold = this.#untold
    const gap = untold > 0 ? dress(gapLine(untold, new Date(clock.wall()).toISOString())) : ''
    const late = this.#failWhenLate('a write', () => refuse(lines))
    const { written, error } = await sink.append(textOf(lines) + gap)
    late.cancel()
    this.#nextAt = clock.now() + breath
    const done = countWithin(lines, written)
    for (const { settled, bytes } of lines.slice(0, done)) {
      this.#bytes -= bytes
      settled?.resolve()
    }
    if (done > 0) observer.written(done)
    if (error === undefined) {
      this.#untold -= untold
      if (this.#isFailing) this.#recover()
    } else {
      const rest = lines.slice(done)
      if (this.refuses) this.#giveUp(rest)
      else {
        letGo(rest)
        this.#waiting = [...rest, ...this.#waiting]
      }
      this.#fail(error)
    }
  }

  #failWhenLate(what: string, isLate: () => void): Timer {
    return this.#options.clock.setTimer(() => {
      this.#fail(new Error(`${what} took longer than ${patience} ms`))
      isLate()
    }, patience)
  }

  #fail(error: unknown): void {
    const { sink, clock, observer } = this.#options
    if (!this.#isFailing) {
      this.#isFailing = true
      observer.failed(sink.name, error)
    }
    if (this.refuses) this.#giveUp(this.#waiting.splice(0))
    this.#retry?.cancel()
    if (this.#isClosed) return
    this.#retry = clock.setTimer(() => {
      this.#retryIsDue = true
      void this.#work()
    }, retryInterval)
  }

  #recover(): void {
    this.#isFailing = false
    this.#retry?.cancel()
    this.#options.observer.recovered(this.#options.sink.name)
  }

  #giveUp(lines: readonly Line[]): void {
    for (const { bytes } of lines) this.#bytes -= bytes
    if (lines.length > 0) this.#lose(lines.length)
    refuse(lines)
  }

  #lose(lines: number): void {
    this.#untold += lines
    this.#options.observer.lost(lines)
  }
}
