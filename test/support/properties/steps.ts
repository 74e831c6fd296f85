import { day, hour, minute, second } from '../heart-rig.ts'
import fc from '../property.ts'
import type { Behaviour, Whole } from './behaviour.ts'
import { behaviour, keys, lacking, leased, whole } from './behaviour.ts'
import type { Configuration, Edit, ProviderName } from './configuration.ts'
import { allNames, configurationOf, editOf } from './configuration.ts'
import type { Kind } from './model-provider.ts'

export type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'suspend'; readonly ms: number }
  | { readonly do: 'jump'; readonly ms: number }
  | { readonly do: 'behave'; readonly provider: ProviderName; readonly key: string; readonly as: Behaviour }
  | { readonly do: 'whole'; readonly provider: ProviderName; readonly as: Whole }
  | { readonly do: 'rotate'; readonly provider: ProviderName; readonly key: string; readonly by: number }
  | { readonly do: 'slow'; readonly provider: ProviderName; readonly ms: number }
  | { readonly do: 'heal' }
  | { readonly do: 'demand'; readonly name: string; readonly waitMs: number }
  | { readonly do: 'storm'; readonly names: number; readonly waitMs: number }
  | { readonly do: 'refresh' | 'read'; readonly name: string }
  | { readonly do: 'refreshAll' }
  | { readonly do: 'reject'; readonly name: string; readonly isHeld: boolean; readonly times: number }
  | { readonly do: 'report'; readonly provider: ProviderName; readonly key: string | undefined }
  | { readonly do: 'failWatch'; readonly provider: ProviderName }
  | { readonly do: 'apply'; readonly edits: readonly Edit[] }

/** Which histories a property is about. */
export interface Mix {
  readonly kinds: readonly Kind[]
  readonly providers: readonly ProviderName[]
  /** How much more of it there is than otherwise; 0: none. */
  readonly leases?: number
  readonly lists?: number
  readonly changes?: number
  readonly callers?: number
  readonly outages?: number
}

export interface History {
  readonly configuration: Configuration
  readonly steps: readonly Step[]
  readonly seed: number
  /** Whether it is stopped in the middle, rather than after everything is healthy again. */
  readonly isCut: boolean
}

const waits = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 1, max: 2 * minute }),
  fc.constantFrom(999, 1_000, 1_001, 10 * second, minute + 1, 10 * minute, hour, 12 * hour, 2 * day),
)
const demandWaits = fc.constantFrom(1, 500, 5 * second, 60 * second)

export function historyOf(mix: Mix): fc.Arbitrary<History> {
  const { kinds, providers, leases = 0, lists = 0, changes = 0, callers = 1, outages = 1 } = mix
  const provider = fc.constantFrom(...providers)
  const key = fc.constantFrom(...keys)
  const name = fc.constantFrom(...allNames)
  const of = <T extends string>(what: T): fc.Arbitrary<T> => fc.constant(what)
  const weighted: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
    { weight: 10, arbitrary: fc.record({ do: of('wait'), ms: waits }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: of('suspend'), ms: fc.constantFrom(second, 20 * second, hour, 9 * hour) }),
    },
    { weight: 1, arbitrary: fc.record({ do: of('jump'), ms: fc.integer({ min: -1e9, max: 1e9 }) }) },
    { weight: 4, arbitrary: fc.record({ do: of('behave'), provider, key, as: behaviour }) },
    { weight: 4 * leases, arbitrary: fc.record({ do: of('behave'), provider, key, as: leased }) },
    { weight: 2 * outages, arbitrary: fc.record({ do: of('whole'), provider, as: whole }) },
    { weight: 4 * lists, arbitrary: fc.record({ do: of('whole'), provider, as: lacking }) },
    { weight: 2, arbitrary: fc.record({ do: of('rotate'), provider, key, by: fc.constantFrom(1, 1, -1) }) },
    {
      weight: 1 + 2 * lists,
      arbitrary: fc.record({
        do: of('slow'),
        provider,
        ms: fc.constantFrom(0, 10, second, 9 * second, 50 * second, 10 * minute),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: of('heal') }) },
    { weight: 2 * callers, arbitrary: fc.record({ do: of('demand'), name, waitMs: demandWaits }) },
    {
      weight: callers,
      arbitrary: fc.record({ do: of('storm'), names: fc.integer({ min: 1, max: 60 }), waitMs: demandWaits }),
    },
    { weight: callers, arbitrary: fc.record({ do: of('refresh'), name }) },
    { weight: 1, arbitrary: fc.record({ do: of('read'), name }) },
    { weight: callers, arbitrary: fc.record({ do: of('refreshAll') }) },
    {
      weight: callers,
      arbitrary: fc.record({
        do: of('reject'),
        name,
        isHeld: fc.boolean(),
        times: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: of('report'), provider, key: fc.option(key, { nil: undefined }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: of('failWatch'), provider }) },
    {
      weight: 4 * changes,
      arbitrary: fc.record({
        do: of('apply'),
        edits: fc.array(editOf(kinds, providers), { minLength: 1, maxLength: 3 }),
      }),
    },
  ]
  return fc.record({
    configuration: configurationOf(kinds, providers),
    steps: fc.array(fc.oneof(...weighted.filter(({ weight }) => weight > 0)), { maxLength: 40, size: 'max' }),
    seed: fc.integer(),
    isCut: fc.boolean(),
  })
}
