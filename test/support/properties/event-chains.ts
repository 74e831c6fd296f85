import type { SecretState } from '../../../src/secrets/reading.ts'
import type { Event } from '../heart-events.ts'

/** Holds what the observer is told against what it was told before: each event has to follow from the last. */
export class EventChains {
  readonly offences: string[] = []
  readonly #states = new Map<string, SecretState>()
  /** The version that was told last, of what is held. */
  readonly #versions = new Map<string, string>()
  readonly #breakers = new Map<string, 'unavailable' | 'denied'>()
  /** Providers that have ever refused a credential. */
  readonly #denying = new Set<string>()
  readonly #failing = new Set<string>()
  readonly #doubted = new Set<string>()

  stateOf(name: string): SecretState {
    return this.#states.get(name) ?? 'not-loaded'
  }

  versionOf(name: string): string | undefined {
    return this.#versions.get(name)
  }

  /** Whether a credential was ever denied: what was is asked for more slowly, whether or not a breaker is open for it. */
  hasDenied(provider: string): boolean {
    return this.#denying.has(provider)
  }

  /** Nothing is held under the name any more, and nobody was told. */
  forget(name: string): void {
    this.#states.delete(name)
    this.#versions.delete(name)
  }

  /** The provider has another source, with a breaker of its own. */
  replaced(provider: string): void {
    this.#breakers.delete(provider)
  }

  take(event: Event): void {
    const text = JSON.stringify(event, (_, value) => (value instanceof Error ? String(value) : value))
    const expect = (holds: boolean, what: string): void => {
      if (!holds) this.offences.push(`${what}: ${text}`)
    }
    expect(!text.includes('CANARY-'), 'a value in an event')
    switch (event.what) {
      case 'called':
        expect(event.durationMs >= 0, 'an answer before its question')
        break
      case 'failed':
        expect(event.attempt >= 1 && event.nextTryMs >= 0, 'a failure without a next attempt')
        expect(Number.isFinite(event.nextTryMs), 'a failure without a next attempt')
        expect(event.secrets.length <= 10, 'too many names')
        expect(event.error.reason !== 'circuit-open', 'a refusal told as a failure')
        expect(event.provider !== undefined, 'a failure of nobody')
        if (event.error.kind === 'denied') this.#denying.add(event.provider ?? '')
        this.#failing.add(event.provider ?? '')
        break
      case 'recovered':
        expect(event.attempts >= 1 && this.#failing.has(event.provider ?? ''), 'recovered from nothing')
        break
      case 'loaded':
        expect(!this.#versions.has(event.secret), 'loaded twice')
        this.#versions.set(event.secret, event.version)
        break
      case 'rotated':
        expect(this.#versions.get(event.secret) === event.previousVersion, 'not the version before')
        expect(event.version !== event.previousVersion, 'no rotation')
        this.#versions.set(event.secret, event.version)
        break
      case 'stateChanged':
        expect(
          event.from === this.stateOf(event.secret),
          `from another state than ${this.stateOf(event.secret)}`,
        )
        expect(event.from !== event.to, 'no change')
        expect(this.#versions.has(event.secret) || event.to === 'missing', 'a state before the first value')
        this.#states.set(event.secret, event.to)
        if (event.to === 'missing') this.#versions.delete(event.secret)
        if (event.to === 'missing' && !event.declared) this.forget(event.secret)
        break
      case 'breakerChanged': {
        const cause = this.#breakers.get(event.provider)
        expect(event.open ? cause !== event.cause : cause === event.cause, `after ${cause ?? 'closed'}`)
        expect(event.open ? event.nextProbeMs > 0 : event.nextProbeMs === 0, 'a probe at no time')
        if (event.open) this.#breakers.set(event.provider, event.cause)
        else this.#breakers.delete(event.provider)
        break
      }
      case 'listShrank':
        expect(event.vanished >= 1 && event.vanished <= event.held, 'more vanished than was held')
        expect(event.believed ? this.#doubted.has(event.provider) : true, 'believed before it was doubted')
        if (event.believed) this.#doubted.delete(event.provider)
        else this.#doubted.add(event.provider)
    }
  }
}
