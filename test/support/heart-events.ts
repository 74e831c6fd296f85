import type { SecretsObserver } from '../../src/secrets/observer.ts'

type Told = { [K in keyof SecretsObserver]: { what: K } & Parameters<SecretsObserver[K]>[0] }
export type Event = Told[keyof SecretsObserver]

/** An observer that keeps what it is told, in order. */
export class Recorder implements SecretsObserver {
  readonly all: Event[] = []
  /** Whether the test has something break; else what broke is thrown on, and fails it. */
  mayBreak = false
  /** Called with each event, where a test wants to act in the middle of things. */
  onEvent: (event: Event) => void = () => {}

  of<K extends keyof SecretsObserver>(what: K): Told[K][] {
    return this.all.filter((event): event is Told[K] => event.what === what)
  }

  /** Everything but calls: what the log would show. */
  get notable(): Event[] {
    return this.all.filter(({ what }) => what !== 'called')
  }

  clear(): void {
    this.all.length = 0
  }

  called(event: Parameters<SecretsObserver['called']>[0]): void {
    this.#keep({ what: 'called', ...event })
  }

  failed(event: Parameters<SecretsObserver['failed']>[0]): void {
    this.#keep({ what: 'failed', ...event })
  }

  recovered(event: Parameters<SecretsObserver['recovered']>[0]): void {
    this.#keep({ what: 'recovered', ...event })
  }

  loaded(event: Parameters<SecretsObserver['loaded']>[0]): void {
    this.#keep({ what: 'loaded', ...event })
  }

  rotated(event: Parameters<SecretsObserver['rotated']>[0]): void {
    this.#keep({ what: 'rotated', ...event })
  }

  stateChanged(event: Parameters<SecretsObserver['stateChanged']>[0]): void {
    this.#keep({ what: 'stateChanged', ...event })
  }

  breakerChanged(event: Parameters<SecretsObserver['breakerChanged']>[0]): void {
    this.#keep({ what: 'breakerChanged', ...event })
  }

  listShrank(event: Parameters<SecretsObserver['listShrank']>[0]): void {
    this.#keep({ what: 'listShrank', ...event })
  }

  fellBack(event: Parameters<SecretsObserver['fellBack']>[0]): void {
    this.#keep({ what: 'fellBack', ...event })
  }

  cameBack(event: Parameters<SecretsObserver['cameBack']>[0]): void {
    this.#keep({ what: 'cameBack', ...event })
  }

  discovered(event: Parameters<SecretsObserver['discovered']>[0]): void {
    this.#keep({ what: 'discovered', ...event })
  }

  broke(event: Parameters<SecretsObserver['broke']>[0]): void {
    this.#keep({ what: 'broke', ...event })
    if (!this.mayBreak) throw event.thrown
  }

  #keep(event: Event): void {
    this.all.push(event)
    this.onEvent(event)
  }
}
