import type { Rule } from '../../../src/secrets/rules.ts'
import { hour, minute, second } from '../heart-rig.ts'
import fc from '../property.ts'
import { keys } from './behaviour.ts'
import type { Limits } from './ledger.ts'
import type { Kind, ModelProviderOptions } from './model-provider.ts'

export const providerNames = ['p', 'q', 'r'] as const
export type ProviderName = (typeof providerNames)[number]
export const declaredNames = ['a', 'b', 'c', 'd', 'e', 'x/1'] as const
export const patternNames = ['x/1', 'x/2', 'x/3', 'x/4', 'x/5', 'x/6'] as const
/** Names that may be secrets by some configuration. */
export const allNames = [...new Set<string>([...declaredNames, ...patternNames])]

export interface Configuration {
  readonly providers: Readonly<Record<ProviderName, ModelProviderOptions>>
  readonly rules: readonly Rule[]
  readonly limits: Limits
  readonly maxEntries: number
}

/** One change of a configuration. */
export type Edit =
  | { readonly edit: 'remove'; readonly name: string }
  /** Adds a rule, or puts another in the place of the one of that name. */
  | { readonly edit: 'put'; readonly rule: Rule }
  | { readonly edit: 'time'; readonly name: string; readonly refreshMs: number; readonly maxStaleMs: number }
  | { readonly edit: 'replace'; readonly provider: ProviderName; readonly as: ModelProviderOptions }
  | { readonly edit: 'bound'; readonly maxEntries: number }

const times = fc
  .record({
    refreshMs: fc.constantFrom(10 * second, minute, 10 * minute, hour),
    lasts: fc.constantFrom(1, 2, 5, 60),
  })
  .map(({ refreshMs, lasts }) => ({ refreshMs, maxStaleMs: refreshMs * lasts }))

function ruleOf(names: readonly ProviderName[]): fc.Arbitrary<Rule> {
  return fc
    .record({
      name: fc.constantFrom(...declaredNames),
      provider: fc.constantFrom(...names),
      key: fc.constantFrom(...keys),
      field: fc.constantFrom(undefined, undefined, 'f'),
      required: fc.boolean(),
      times,
    })
    .map(({ times: both, ...rule }) => ({ ...rule, ...both }))
}

function patternOf(names: readonly ProviderName[]): fc.Arbitrary<Rule> {
  return fc
    .record({ provider: fc.constantFrom(...names), field: fc.constantFrom(undefined, 'f'), times })
    .map(({ times: both, ...rule }) => ({ name: 'x/*', key: 'x/*', required: false, ...rule, ...both }))
}

function optionsOf(kinds: readonly Kind[]): fc.Arbitrary<ModelProviderOptions> {
  return fc.record({
    kind: fc.constantFrom(...kinds),
    renews: fc.boolean(),
    watches: fc.boolean(),
    versions: fc.boolean(),
  })
}

const limits: fc.Arbitrary<Limits> = fc.record({
  maxCallsPerSecond: fc.constantFrom(5, 20),
  maxConcurrentCalls: fc.constantFrom(1, 2, 8),
  maxQueuedCalls: fc.constantFrom(2, 100),
})

/** @param kinds of providers; @param names those that rules name */
export function configurationOf(
  kinds: readonly Kind[],
  names: readonly ProviderName[],
): fc.Arbitrary<Configuration> {
  const options = optionsOf(kinds)
  return fc
    .record({
      providers: fc.record({ p: options, q: options, r: options }),
      declared: fc.uniqueArray(ruleOf(names), {
        minLength: 1,
        maxLength: 5,
        size: 'max',
        selector: ({ name }) => name,
      }),
      patterns: fc.array(patternOf(names), { maxLength: 1 }),
      limits,
      maxEntries: fc.constantFrom(2, 100),
    })
    .map(({ declared, patterns, ...rest }) => ({ ...rest, rules: [...declared, ...patterns] }))
}

export function editOf(kinds: readonly Kind[], names: readonly ProviderName[]): fc.Arbitrary<Edit> {
  const ruleNames = fc.constantFrom(...declaredNames, 'x/*')
  return fc.oneof(
    fc.record({ edit: fc.constant<'remove'>('remove'), name: ruleNames }),
    {
      weight: 3,
      arbitrary: fc.record({
        edit: fc.constant<'put'>('put'),
        rule: fc.oneof({ weight: 3, arbitrary: ruleOf(names) }, patternOf(names)),
      }),
    },
    fc
      .record({ edit: fc.constant<'time'>('time'), name: ruleNames, both: times })
      .map(({ both, ...rest }) => ({ ...rest, ...both })),
    fc.record({
      edit: fc.constant<'replace'>('replace'),
      provider: fc.constantFrom(...names),
      as: optionsOf(kinds),
    }),
    fc.record({ edit: fc.constant<'bound'>('bound'), maxEntries: fc.constantFrom(1, 3, 100) }),
  )
}

export function edited(configuration: Configuration, edit: Edit): Configuration {
  const { rules, providers } = configuration
  switch (edit.edit) {
    case 'remove':
      return { ...configuration, rules: rules.filter(({ name }) => name !== edit.name) }
    case 'put':
      return { ...configuration, rules: [...rules.filter(({ name }) => name !== edit.rule.name), edit.rule] }
    case 'time': {
      const { name, refreshMs, maxStaleMs } = edit
      const timed = rules.map((rule) => (rule.name === name ? { ...rule, refreshMs, maxStaleMs } : rule))
      return { ...configuration, rules: timed }
    }
    case 'replace':
      return { ...configuration, providers: { ...providers, [edit.provider]: edit.as } }
    case 'bound':
      return { ...configuration, maxEntries: edit.maxEntries }
  }
}
