import type { Clock, Random } from '../../../src/secrets/clock.ts'
import type { Reading } from '../../../src/secrets/reading.ts'
import type { Match } from '../../../src/secrets/rules.ts'
import { isPattern, Rules } from '../../../src/secrets/rules.ts'
import { Source } from '../../../src/secrets/source.ts'
import type { Rig } from '../heart-rig.ts'
import { createRig, minute, second } from '../heart-rig.ts'
import { settle, VirtualClock } from '../virtual-clock.ts'
import { keys } from './behaviour.ts'
import { Callers } from './callers.ts'
import type { Configuration, Edit, ProviderName } from './configuration.ts'
import { allNames, edited, providerNames } from './configuration.ts'
import { EventChains } from './event-chains.ts'
import { offencesOf } from './invariants.ts'
import type { Place } from './ledger.ts'
import { allKeys, everything, Ledger } from './ledger.ts'
import { ModelProvider } from './model-provider.ts'
import { Oracle, remembered } from './oracle.ts'
import { Truth } from './truth.ts'

/** A call that hangs is given up after this, in milliseconds. */
export const callDeadline = 6 * minute
/** For so long, in milliseconds, calls may come that somebody caused before, by a change or a report. */
const causedWithin = { apply: 2.1 * second, report: 12 * minute, answer: 30 * second }

/** The heart, its backends, and everything that it is held against. */
export class World {
  readonly clock = new VirtualClock()
  readonly rig: Rig<VirtualClock>
  readonly truths: Readonly<Record<ProviderName, Truth>>
  readonly callers = new Callers(this.clock)
  readonly chains = new EventChains()
  readonly oracle: Oracle
  configuration: Configuration
  rules: Rules
  /** Whether the process has stood still with a call under way. */
  hasSlept = false
  readonly #random: Random
  readonly #providers = new Map<ProviderName, ModelProvider>()
  /** Those that others took the place of. */
  readonly #former: ModelProvider[] = []
  /** Timers that became due while the process stood still have not run yet. */
  isBehind = false
  #wasReady = false
  #appliedAt = Number.NEGATIVE_INFINITY
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(configuration: Configuration, random: Random) {
    this.configuration = configuration
    this.#random = random
    this.rules = new Rules(configuration.rules)
    this.truths = { p: new Truth('p'), q: new Truth('q'), r: new Truth('r') }
    for (const name of providerNames) this.#providers.set(name, this.#provide(name))
    const { limits, maxEntries } = configuration
    this.rig = createRig(
      { teardown: () => {} },
      {
        clock: this.clock,
        backend: new Map(this.#providers),
        rules: configuration.rules,
        random,
        limits,
        maxEntries,
        missingTtlMs: remembered,
        onEvicted: ({ name }) => {
          this.oracle.evicted(name)
          this.chains.forget(name)
        },
      },
    )
    this.oracle = new Oracle({
      rules: this.rules,
      holds: (name) => this.holds(name),
      now: () => this.clock.now(),
    })
    this.rig.events.onEvent = (event) => this.chains.take(event)
  }

  provider(name: ProviderName): ModelProvider {
    const provider = this.#providers.get(name)
    if (provider === undefined) throw new Error(`no provider ${name}`)
    return provider
  }

  get providers(): readonly ModelProvider[] {
    return [...this.#providers.values(), ...this.#former]
  }

  holds(name: string): boolean {
    return this.rig.cache.entry(name)?.held !== undefined
  }

  /** As a caller reads it, but that it does not count as a use of what might be evicted. */
  look(name: string): Reading {
    const { cache } = this.rig
    const entry = cache.entry(name)
    return entry === undefined || !isPattern(entry.match.rule.name)
      ? cache.read(name)
      : entry.read(this.clock.now())
  }

  async start(): Promise<void> {
    this.rig.refresher.start()
    await settle()
    this.check('the start')
  }

  /** Time passes, and everything is held against the model each time that something was due. */
  async pass(ms: number, when: string): Promise<void> {
    const end = this.clock.now() + ms
    for (;;) {
      const next = Math.max(0, this.clock.next ?? Number.POSITIVE_INFINITY)
      const left = end - this.clock.now()
      await this.clock.advance(Math.min(next, left))
      this.isBehind = false
      this.check(when)
      if (next >= left) return
    }
  }

  suspend(ms: number): void {
    this.hasSlept ||= this.providers.some(({ ledger }) => ledger.underWay.size > 0)
    this.clock.suspend(ms)
    this.callers.suspended(ms)
    this.#appliedAt += ms
    this.#reportedAt += ms
    this.isBehind = true
  }

  reported(): void {
    this.#reportedAt = this.clock.now()
  }

  heal(): void {
    for (const truth of Object.values(this.truths)) truth.heal()
  }

  /** Another configuration, applied as the composition root does it. */
  async apply(edits: readonly Edit[]): Promise<void> {
    const { clock, rig } = this
    const { events, cache, refresher, sources } = rig
    const before = this.rules
    this.configuration = edits.reduce(edited, this.configuration)
    this.rules = new Rules(this.configuration.rules)
    this.#appliedAt = clock.now()
    const { limits, maxEntries } = this.configuration
    const former: Source[] = []
    const replaced = new Set(edits.flatMap((edit) => (edit.edit === 'replace' ? [edit.provider] : [])))
    for (const name of replaced) {
      const source = sources.get(name)
      if (source !== undefined) former.push(source)
      this.#former.push(this.provider(name))
      const provider = this.#provide(name)
      this.#providers.set(name, provider)
      this.chains.replaced(name)
      const onBreaker = events.breakerChanged.bind(events)
      sources.set(name, new Source(name, provider, clock, { random: this.#random, limits, onBreaker }))
    }
    cache.apply({
      rules: this.rules,
      maxEntries,
      maxBytes: 64 * 1024 * 1024,
      missingTtlMs: remembered,
    })
    this.oracle.apply(this.rules)
    for (const [name, { ledger }] of this.#providers)
      for (const call of ledger.underWay)
        this.oracle.orphan(name, call, (secret) => this.callers.waitsFor(secret))
    for (const name of allNames) this.#forgetChain(name, before)
    refresher.apply({ rules: this.rules, sources: new Map(sources) })
    for (const source of former) await source.close()
    await settle()
  }

  /** Throws where anything is not as it must be. */
  check(when: string): void {
    const now = this.clock.now()
    const offences = [
      ...this.chains.offences,
      ...this.callers.offences,
      ...this.providers.flatMap(({ ledger }) => ledger.offences),
    ]
    for (const name of allNames) offences.push(...offencesOf(this, name, now))
    if (!this.isBehind) offences.push(...this.callers.overdue())
    const { cache, refresher } = this.rig
    if (this.#wasReady && !cache.loadedRequired) offences.push('was ready, and is not any more')
    this.#wasReady ||= cache.loadedRequired
    if (refresher.explain('nobody') !== undefined) offences.push('a name that no rule has is explained')
    if (offences.length > 0) throw new Error(`${when}, at ${now}:\n${offences.join('\n')}`)
  }

  /** The place at its provider that a secret is fetched from. */
  placeOf({ rule, key }: Match): { provider: ModelProvider; place: Place } {
    const [name] = providerNames.filter((each) => each === rule.provider)
    const provider = this.provider(name ?? 'p')
    return { provider, place: provider.kind === 'list' ? everything : key }
  }

  isUnderWay(match: Match): boolean {
    const { provider, place } = this.placeOf(match)
    for (const call of provider.ledger.underWay)
      if (call.places.includes(place) && !call.orphaned.has(place)) return true
    return false
  }

  /** Of what is named no longer nothing more is told; of what has another place it is not known that it is missing. */
  #forgetChain(name: string, before: Rules): void {
    const [old, now] = [before.find(name), this.rules.find(name)]
    const isUnknown = this.rig.cache.entry(name)?.state(this.clock.now()) === 'not-loaded'
    const isGone = this.rig.cache.entry(name) === undefined
    if (old === undefined || now === undefined || isGone || isUnknown) this.chains.forget(name)
  }

  #provide(name: ProviderName): ModelProvider {
    const { limits, providers } = this.configuration
    const ledger = new Ledger(name, this.clock, limits)
    const provider = new ModelProvider(this.truths[name], this.clock, ledger, providers[name])
    provider.heard = (heard) => this.oracle.hear(name, heard)
    ledger.isWanted = (place) => this.#isWanted(name, place)
    ledger.isPrompted = () => this.#isPrompted(this.clock)
    return provider
  }

  #isWanted(provider: ProviderName, place: Place): boolean {
    if (place === allKeys) return this.rules.patternsOf(provider).length > 0
    // What callers made up.
    if (typeof place === 'string' && !keys.some((key) => key === place)) return true
    return allNames.some((name) => {
      const match = this.rules.find(name)
      const isThere = match?.rule.provider === provider && (place === everything || match.key === place)
      return isThere && this.rig.refresher.explain(name)?.fetching === true
    })
  }

  #isPrompted(clock: Clock): boolean {
    const now = clock.now()
    return (
      this.callers.count > 0 ||
      now - this.callers.lastAnsweredAt <= causedWithin.answer ||
      now - this.#appliedAt <= causedWithin.apply ||
      now - this.#reportedAt <= causedWithin.report
    )
  }
}
