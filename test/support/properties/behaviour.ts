import { hour, minute, second } from '../heart-rig.ts'
import fc from '../property.ts'

/** What a backend makes of one key. */
export type Behaviour =
  | { readonly kind: 'value'; readonly ttlMs?: number }
  | { readonly kind: 'leased'; readonly durationMs: number; readonly renewable: boolean }
  /** A text in which no field is to be found. */
  | { readonly kind: 'shapeless' }
  | { readonly kind: 'missing' | 'denied' | 'unavailable' | 'oversized' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number | undefined }
  /** The call that asks for it gets no answer at all. */
  | { readonly kind: 'never' }

/** What becomes of whole calls, whichever keys they are for. */
export type Whole =
  | { readonly kind: 'fine' | 'denied' | 'unavailable' | 'never' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number | undefined }
  /** It throws what is no ProviderError, as a provider with a bug in it does. */
  | { readonly kind: 'throws' }
  /** Answers lack these keys: all of them, or some. Of a list only, with values or without. */
  | { readonly kind: 'lacking'; readonly keys: readonly string[] | 'all' }
  /** Answers have keys that nobody asked for. */
  | { readonly kind: 'talkative' }
  /** It calls unchanged what it was not told of. */
  | { readonly kind: 'baseless' }

export const healthy: Behaviour = { kind: 'value' }
export const fine: Whole = { kind: 'fine' }

/** Each is a place at a provider; those with a slash are what the patterns cover. */
export const keys = ['k0', 'k1', 'k2', 'k3', 'x/1', 'x/2', 'x/3', 'x/4', 'x/5', 'x/6'] as const

const retryAfter = fc.constantFrom(undefined, 0, 1, 500, second, 30 * second, 5 * minute, 400 * 24 * hour)

export const leased: fc.Arbitrary<Behaviour> = fc.record({
  kind: fc.constant<'leased'>('leased'),
  durationMs: fc.constantFrom(0, 900, 5 * second, 30 * second, 5 * minute, hour),
  renewable: fc.boolean(),
})

export const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(healthy) },
  { weight: 2, arbitrary: fc.constantFrom<Behaviour>({ kind: 'missing' }, { kind: 'denied' }) },
  { weight: 2, arbitrary: fc.constantFrom<Behaviour>({ kind: 'unavailable' }, { kind: 'never' }) },
  { weight: 1, arbitrary: fc.constantFrom<Behaviour>({ kind: 'shapeless' }, { kind: 'oversized' }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant<'value'>('value'),
      ttlMs: fc.constantFrom(0, 500, 5 * second, 2 * minute, hour),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant<'throttled'>('throttled'), retryAfterMs: retryAfter }),
  },
  { weight: 2, arbitrary: leased },
)

export const whole: fc.Arbitrary<Whole> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(fine) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Whole>(
      { kind: 'denied' },
      { kind: 'unavailable' },
      { kind: 'never' },
      { kind: 'throws' },
      { kind: 'talkative' },
      { kind: 'baseless' },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant<'throttled'>('throttled'), retryAfterMs: retryAfter }),
  },
)

export const lacking: fc.Arbitrary<Whole> = fc.record({
  kind: fc.constant<'lacking'>('lacking'),
  keys: fc.oneof(fc.constant<'all'>('all'), fc.subarray([...keys], { minLength: 1 })),
})
