import { CounterCells } from './cells.ts'

export type TlsReloadOutcome = 'applied' | 'failed'

/** What becomes of the certificates of listeners. */
export class TlsCells {
  readonly reloads = new CounterCells<TlsReloadOutcome>(['applied', 'failed'])
  handshakesFailed = 0
  /** By who serves with it: an address may be left and taken at the same time. */
  readonly #expiries = new Map<object, { readonly listener: string; readonly at: number }>()

  reloaded(outcome: TlsReloadOutcome): void {
    this.reloads.increase(outcome)
  }

  handshakeFailed(): void {
    this.handshakesFailed += 1
  }

  /** @param at in milliseconds since the epoch; undefined: nobody serves with it any more */
  expires(certificates: object, listener: string, at: number | undefined): void {
    this.#expiries.delete(certificates)
    if (at !== undefined) this.#expiries.set(certificates, { listener, at })
  }

  /** The end of each listener's certificate; of those that share an address, the latest to come. */
  get expiries(): Iterable<{ readonly listener: string; readonly at: number }> {
    return this.#expiries.values()
  }
}
