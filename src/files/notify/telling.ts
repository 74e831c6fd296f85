import { backoffDelay } from '../../secrets/backoff.ts'
import type { Clock, Random, Timer } from '../../secrets/clock.ts'
import { NotifyError } from './error.ts'
import type { NotifyObserver } from './observer.ts'
import type { Teller } from './teller.ts'

/** No telling is put off by further changes for longer than so many times the debounce. */
const longestDebounce = 10
/** No wait between two attempts is longer, in milliseconds. */
const longestBackoff = 60_000
/** After so many milliseconds of attempts that fail nobody is asked again until the file changes again. */
const patience = 10 * 60_000

export interface TellingOptions {
  readonly path: string
  readonly index: number
  readonly teller: Teller
  /** Milliseconds. */
  readonly debounceMs: number
  readonly clock: Clock
  readonly random: Random
  readonly observer: NotifyObserver
}

/** When one notification of a file is told: after a debounce, one attempt at a time, again and again while it fails. */
export class Telling {
  readonly #options: TellingOptions
  readonly #closing = new AbortController()
  /** What it is to be told of: everything since it was last told. */
  #names = new Set<string>()
  /** What the attempt under way tells of. */
  #telling: ReadonlySet<string> | undefined
  /** When the changes came that no attempt has begun for yet. */
  #fresh: { readonly first: number; last: number } | undefined
  #timer: Timer | undefined
  #attempt = 0
  /** When the first attempt for these changes began. */
  #since = 0
  #underWay: Promise<void> | undefined

  constructor(options: TellingOptions) {
    this.#options = options
  }

  get untold(): readonly string[] {
    return [...new Set([...(this.#telling ?? []), ...this.#names])]
  }

  changed(names: readonly string[]): void {
    if (this.#closing.signal.aborted) return
    for (const name of names) this.#names.add(name)
    const now = this.#options.clock.now()
    this.#fresh ??= { first: now, last: now }
    this.#fresh.last = now
    if (this.#underWay === undefined) this.#plan()
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#closing.abort()
    await this.#underWay
  }

  /** Of fresh changes. They take the place of whatever was to be tried again. */
  #plan(): void {
    if (this.#fresh === undefined) return
    this.#attempt = 0
    this.#at(this.#untilDue(this.#fresh))
  }

  #untilDue({ first, last }: { readonly first: number; readonly last: number }): number {
    const { debounceMs, clock } = this.#options
    const due = Math.min(last + debounceMs, first + longestDebounce * debounceMs)
    return Math.max(due - clock.now(), 0)
  }

  #at(ms: number): void {
    this.#timer?.cancel()
    this.#timer = undefined
    // No timer where there is nothing to wait for: at once means in this turn.
    if (ms === 0) this.#begin()
    else this.#timer = this.#options.clock.setTimer(() => this.#begin(), ms)
  }

  #begin(): void {
    this.#timer = undefined
    this.#fresh = undefined
    this.#attempt++
    if (this.#attempt === 1) this.#since = this.#options.clock.now()
    this.#telling = this.#names
    this.#names = new Set()
    // Never rejects.
    this.#underWay = this.#tell([...this.#telling])
  }

  async #tell(changed: readonly string[]): Promise<void> {
    const { path, teller } = this.#options
    const { signal } = this.#closing
    let failed: NotifyError | undefined
    try {
      await teller.tell({ path, changed }, signal)
    } catch (error) {
      failed = error instanceof NotifyError ? error : unforeseen(error)
    }
    this.#underWay = undefined
    if (signal.aborted) return
    if (failed === undefined) this.#succeeded(changed)
    else this.#failed(changed, failed)
  }

  #succeeded(changed: readonly string[]): void {
    this.#telling = undefined
    this.#told('ok', changed)
    this.#plan()
  }

  #failed(changed: readonly string[], error: NotifyError): void {
    this.#names = new Set([...changed, ...this.#names])
    this.#telling = undefined
    const { clock, random } = this.#options
    if (this.#fresh !== undefined) {
      this.#told('failed', changed, { error, nextTryMs: this.#untilDue(this.#fresh) })
      this.#plan()
      return
    }
    const wait = backoffDelay(this.#attempt, longestBackoff, undefined, random)
    if (clock.now() + wait - this.#since > patience) {
      this.#told('given-up', changed, { error })
      return
    }
    this.#told('failed', changed, { error, nextTryMs: wait })
    this.#at(wait)
  }

  #told(
    outcome: 'ok' | 'failed' | 'given-up',
    changed: readonly string[],
    more: { error?: NotifyError; nextTryMs?: number } = {},
  ): void {
    const { path, index, teller, observer } = this.#options
    observer.told({ path, kind: teller.kind, index, outcome, attempt: this.#attempt, changed, ...more })
  }
}

/** Its message may quote anything. */
function unforeseen(error: unknown): NotifyError {
  const name = error instanceof Error ? error.name : typeof error
  return new NotifyError('io', `it failed in a way that nobody foresaw (${name})`, 'Please report this.')
}
