import type { Ask, MadeCall, Urgency } from './ask.ts'
import { moreUrgent } from './ask.ts'
import type { Brought } from './brought.ts'
import { copyOf, discard } from './brought.ts'
import type { Call, Calls } from './calls.ts'
import type { Clock, Timer } from './clock.ts'
import { heldByAll, withoutBaseless } from './confirmation.ts'
import type { Place } from './permits.ts'
import { nowhere } from './permits.ts'
import type { HeldVersions } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { Verdict } from './verdict.ts'
import { verdictOfKeys } from './verdict.ts'

type Answers = Map<string, Brought>

/** Keys that are wanted within this time, in milliseconds, go in one call where the provider can. */
const batchWindow = 10

export interface BatcherOptions {
  readonly name: string
  readonly clock: Clock
  readonly calls: Calls
  /** How many keys one call may ask for. */
  readonly batchSize: number
  readonly fetch: (
    keys: readonly string[],
    signal: AbortSignal,
    held: HeldVersions | undefined,
  ) => Promise<Answers>
}

/** Keys that go in one call. It takes further ones until the call is made: while it waits for its turn too. */
class Batch implements Call<Answers> {
  readonly #options: BatcherOptions
  readonly #sealed: (batch: Batch) => void
  readonly #asks: { readonly key: string; readonly ask: Ask }[] = []
  /** How many asks there are for each key. */
  readonly #keys = new Map<string, number>()
  readonly #done = Promise.withResolvers<Answers | ProviderError>()
  /** As urgent as the most urgent ask. */
  urgency: Urgency = 'routine'
  /** As patient as the most patient ask: a key that nobody waits for any more costs no call more. */
  patienceMs: number | undefined = 0
  forced = false
  #place: Place = nowhere

  /** @param sealed called when it takes no more: the provider is being called, or the call was refused or given up */
  constructor(options: BatcherOptions, sealed: (batch: Batch) => void) {
    this.#options = options
    this.#sealed = sealed
  }

  get asked(): readonly string[] {
    return [...this.#keys.keys()]
  }

  get isFull(): boolean {
    return this.#keys.size >= this.#options.batchSize
  }

  get done(): Promise<Answers | ProviderError> {
    return this.#done.promise
  }

  join(key: string, ask: Ask): void {
    const { urgency, patienceMs, forced = false } = ask
    this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1)
    this.#asks.push({ key, ask })
    this.raise(urgency)
    this.forced ||= forced
    if (patienceMs === undefined || this.patienceMs === undefined) this.patienceMs = undefined
    else this.patienceMs = Math.max(this.patienceMs, patienceMs)
    this.#place.waitFor(patienceMs)
  }

  raise(urgency: Urgency): void {
    this.urgency = moreUrgent(this.urgency, urgency)
    this.#place.raise(urgency)
  }

  /** Lets it wait for its turn. */
  queue(): void {
    const { place, answer } = this.#options.calls.queue(this)
    this.#place = place
    void answer.then((end) => {
      this.#sealed(this)
      this.#done.resolve(end)
    })
  }

  readonly make = async (signal: AbortSignal): Promise<Answers> => {
    this.#sealed(this)
    const call: MadeCall = { isTold: false }
    for (const { ask } of this.#asks) ask.began(call)
    const held = heldByAll(this.#asks.map(({ key, ask }) => [key, ask.held?.()]))
    const answers = await this.#options.fetch(this.asked, signal, held)
    return withoutBaseless(this.#options.name, answers, held)
  }

  readonly judge = (answers: Answers): Verdict => verdictOfKeys(this.asked, answers)

  readonly discard = discard

  /** What an ask for a key gets of the answers. */
  take(key: string, answers: Answers): Brought | undefined {
    const brought = answers.get(key)
    const left = (this.#keys.get(key) ?? 1) - 1
    this.#keys.set(key, left)
    return brought === undefined || left === 0 ? brought : copyOf(brought)
  }
}

/**
 * Gathers keys into calls of at most `batchSize` keys. One call takes one permit and one token of the rate, however
 * many keys it is for. Where a call is for one key only, nothing waits for others.
 */
export class Batcher {
  readonly #options: BatcherOptions
  /** The batch that takes further keys. */
  #open: Batch | undefined
  /** Runs while the open batch waits for others to join rather than for its turn. */
  #window: Timer | undefined
  /** The keys whose call has not begun. */
  readonly #waiting = new Map<string, Batch>()

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  /** @returns what the key stands for; a failure of the whole call is returned like a failure of the key */
  async fetch(key: string, ask: Ask): Promise<Brought> {
    const { name, calls } = this.#options
    calls.breaker.know(key)
    const refusal = calls.refusal({ asked: [key], forced: ask.forced === true, patienceMs: ask.patienceMs })
    if (refusal !== undefined) return refusal
    const batch = this.#join(key, ask)
    const answer = await batch.done
    if (answer instanceof ProviderError) return answer
    return batch.take(key, answer) ?? new ProviderError('missing', 'not-found', `${name} has no "${key}"`)
  }

  /** The key is wanted more urgently now. */
  raise(key: string, urgency: Urgency): void {
    this.#waiting.get(key)?.raise(urgency)
  }

  /** Waits for nobody else to join. */
  flush(): void {
    if (this.#window === undefined) return
    this.#window.cancel()
    this.#window = undefined
    this.#open?.queue()
  }

  #join(key: string, ask: Ask): Batch {
    const batch = this.#waiting.get(key) ?? this.#open ?? new Batch(this.#options, this.#seal)
    const isNew = batch !== this.#open && !this.#waiting.has(key)
    this.#waiting.set(key, batch)
    batch.join(key, ask)
    if (isNew) this.#begin(batch)
    else if (batch === this.#open && batch.isFull) this.#close()
    return batch
  }

  #begin(batch: Batch): void {
    if (batch.isFull) {
      batch.queue()
      return
    }
    this.#open = batch
    this.#window = this.#options.clock.setTimer(() => {
      this.#window = undefined
      batch.queue()
    }, batchWindow)
  }

  /** The open batch is full. */
  #close(): void {
    this.flush()
    this.#open = undefined
  }

  readonly #seal = (batch: Batch): void => {
    for (const key of batch.asked) if (this.#waiting.get(key) === batch) this.#waiting.delete(key)
    if (this.#open === batch) this.#open = undefined
  }
}
