/** What every provider has to do, whatever its backend: the contract of `src/secrets/provider.ts` as tests. */
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/secrets/clock.ts'
import {
  type Fetched,
  type Provider,
  type ProviderContext,
  ProviderError,
  type ProviderErrorKind,
  type ProviderErrorReason,
  type Unchanged,
} from '../../src/secrets/provider.ts'

export type Secrets = ReadonlyMap<string, Buffer>

/** What a fetch brings for a key. */
export type Brought = Fetched | Unchanged | ProviderError

interface Expected {
  readonly kind: ProviderErrorKind
  readonly reasons: readonly ProviderErrorReason[]
  readonly retryAfterMs?: number
}

/** What can go wrong between a provider and its backend, and what the provider then has to say. */
const faults = {
  denied: { kind: 'denied', reasons: ['denied'] },
  /** The backend asks for seven seconds of peace. */
  throttled: { kind: 'throttled', reasons: ['throttled'], retryAfterMs: 7000 },
  /** The backend is not there: nothing listens, nothing is mounted. */
  absent: { kind: 'unavailable', reasons: ['refused', 'io'] },
  failing: { kind: 'unavailable', reasons: ['status'] },
  'reset before headers': { kind: 'unavailable', reasons: ['reset'] },
  'reset amid the body': { kind: 'unavailable', reasons: ['reset'] },
  'closed amid the body': { kind: 'unavailable', reasons: ['reset'] },
  'never answering': { kind: 'unavailable', reasons: ['timeout'] },
  'dripping byte by byte': { kind: 'unavailable', reasons: ['timeout'] },
  'unknown certificate authority': { kind: 'unavailable', reasons: ['tls'] },
  'expired certificate': { kind: 'unavailable', reasons: ['tls'] },
  'certificate for another name': { kind: 'unavailable', reasons: ['tls'] },
  'host name without address': { kind: 'unavailable', reasons: ['dns'] },
  malformed: { kind: 'unavailable', reasons: ['malformed'] },
  oversized: { kind: 'unavailable', reasons: ['oversized'] },
} as const satisfies Record<string, Expected>

export type Fault = keyof typeof faults

/** What some backends cannot do at all. */
const abilities = ['binary values', 'names in UTF-8', 'waiting'] as const

export type Ability = (typeof abilities)[number]

export interface Waiting {
  readonly provider: Provider
  /** Resolves when the backend was asked. */
  readonly asked: Promise<void>
  /** Resolves when the backend sees that nobody waits any more. */
  readonly left: Promise<void>
}

/** One provider with its backend, for one run of the suite. */
export interface Harness {
  /** A provider whose backend holds these secrets. */
  serve(t: Test, secrets: Secrets): Promise<Provider>
  /** A provider whose backend has the fault. The content that comes with it, if any, contains `CANARY-`. */
  readonly faults: Readonly<Partial<Record<Fault, (t: Test) => Promise<Provider>>>>
  /** A provider whose backend lets it wait. */
  waiting?(t: Test): Promise<Waiting>
  /** Every fault and ability that the backend cannot have, with the reason. */
  readonly inapplicable: Readonly<Partial<Record<Fault | Ability, string>>>
}

/** Milliseconds: a provider under test gives up after this, and a test that is given up at once is told apart from it. */
export const shortTimeout = 150

/** What providers are built with in tests; a warning is a failure unless the test takes it. */
export function context(t: Test, more: Partial<ProviderContext> = {}): ProviderContext {
  return { name: 'backend', clock: systemClock, warn: (message) => t.fail(message), ...more }
}

export function conformance(name: string, harness: Harness): void {
  t.test(`${name}: conformance`, async (t) => {
    t.test('every fault and ability is either shown or explained', async (t) => {
      const shown = [
        ...Object.keys(harness.faults),
        ...(harness.waiting === undefined ? [] : ['waiting']),
        ...['binary values', 'names in UTF-8'].filter((ability) => !(ability in harness.inapplicable)),
      ]
      const explained = Object.entries(harness.inapplicable)
      const all = [...Object.keys(faults), ...abilities]
      t.same([...shown, ...explained.map(([fault]) => fault)].sort(), all.sort())
      for (const [fault, reason] of explained) t.ok(reason, `${fault} does not apply: ${reason}`)
    })
    answers(t, harness)
    failures(t, harness)
    givingUp(t, harness)
  })
}

function answers(t: Test, harness: Harness): void {
  t.test('each key gets its value, byte by byte', async (t) => {
    const secrets = texts({ user: 'CANARY-user', password: 'CANARY- "quoted"\n\\ $HOME \'#\'  ' })
    await holds(t, await harness.serve(t, secrets), secrets)
  })

  t.test('a key that the backend does not have is missing, and takes no other key down', async (t) => {
    const provider = await harness.serve(t, texts({ there: 'CANARY-there' }))
    const result = await provider.fetch(['gone', 'there', '__proto__', '../there', ''], signal())
    for (const key of ['gone', '__proto__', '../there', '']) {
      const error = result.get(key)
      t.ok(error instanceof ProviderError, `an error for "${key}"`)
      t.match(error, { kind: 'missing', reason: 'not-found' })
    }
    t.equal(text(result.get('there')), 'CANARY-there')
    leaksNothing(t, result)
  })

  if (!('binary values' in harness.inapplicable)) {
    t.test('a binary value keeps its bytes', async (t) => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const secrets = new Map([['binary', Buffer.concat([Buffer.from('CANARY-'), every])]])
      await holds(t, await harness.serve(t, secrets), secrets)
    })
  }

  t.test('names and values in UTF-8 keep their characters', async (t) => {
    const values = ['CANARY-пароль', 'CANARY-🔑', 'CANARY-é']
    const names = 'names in UTF-8' in harness.inapplicable ? ['a', 'b', 'c'] : ['пароль_базы', '密码', 'café']
    const secrets = texts(Object.fromEntries(names.map((name, at) => [name, values[at] ?? ''])))
    await holds(t, await harness.serve(t, secrets), secrets)
  })

  t.test('a thousand keys come in one fetch', async (t) => {
    const secrets = texts(
      Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key_${n}`, `CANARY-value-${n}`])),
    )
    await holds(t, await harness.serve(t, secrets), secrets)
  })

  t.test('values are handed out afresh, so that whoever has them may overwrite them', async (t) => {
    const provider = await harness.serve(t, texts({ key: 'CANARY-value' }))
    const first = (await provider.fetch(['key'], signal())).get('key')
    if (first === undefined || !('value' in first)) throw new Error('nothing was fetched')
    first.value.wipe()
    t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  })
}

function failures(t: Test, harness: Harness): void {
  for (const [fault, expected] of Object.entries<Expected>(faults)) {
    const start = new Map(Object.entries(harness.faults)).get(fault)
    if (start === undefined) continue
    t.test(`a backend that is ${fault} is told as ${expected.kind}`, async (t) => {
      const provider = await start(t)
      for (const error of await everyFailure(provider)) {
        t.ok(error instanceof ProviderError, 'an error of the contract')
        t.equal(error.kind, expected.kind)
        t.ok(expected.reasons.includes(error.reason), `reason ${error.reason}: ${error.message}`)
        t.equal(error.retryAfterMs, expected.retryAfterMs)
        t.match(error.message, /provider "backend"/, 'the message names the provider')
        leaksNothing(t, error)
      }
    })
  }
}

function givingUp(t: Test, harness: Harness): void {
  t.test('a fetch that was given up before it began rejects as aborted', async (t) => {
    const provider = await harness.serve(t, texts({ key: 'CANARY-value' }))
    for (const error of await everyFailure(provider, AbortSignal.abort())) {
      t.match(error, { kind: 'unavailable', reason: 'aborted' })
    }
  })

  const { waiting } = harness
  if (waiting === undefined) return
  t.test('a fetch that is given up while it waits rejects at once and leaves nothing behind', async (t) => {
    const { provider, asked, left } = await waiting(t)
    const controller = new AbortController()
    const fetching = provider.fetch(['key'], controller.signal)
    await asked
    controller.abort(new Error('CANARY-reason'))
    const error: unknown = await fetching.then(fail, (reason: unknown) => reason)
    t.match(error, { kind: 'unavailable', reason: 'aborted' })
    leaksNothing(t, error)
    await left
  })

  t.test('closing the provider ends what is still under way', async (t) => {
    const { provider, asked, left } = await waiting(t)
    const fetching = failureOf(provider.fetch(['key'], signal()))
    await asked
    await provider.close?.()
    t.match(await fetching, { kind: 'unavailable', reason: 'aborted' })
    await left
  })
}

/** Both ways to fetch give exactly these secrets, and show none of them by accident. */
async function holds(t: Test, provider: Provider, secrets: Secrets): Promise<void> {
  const fetched = await provider.fetch([...secrets.keys()], signal())
  const all = await provider.fetchAll?.(signal())
  for (const result of all === undefined ? [fetched] : [fetched, all]) {
    t.equal(result.size, secrets.size)
    const wrong = [...secrets]
      .filter(([key, value]) => !bytes(result.get(key))?.equals(value))
      .map(([key]) => key)
    t.same(wrong, [], 'every value is what the backend holds')
    leaksNothing(t, result)
  }
}

/** The failure by every way to fetch, whether of the call or of the key alone. */
async function everyFailure(provider: Provider, given = signal()): Promise<ProviderError[]> {
  const failures = [await failureOf(provider.fetch(['key'], given))]
  if (provider.fetchAll !== undefined) failures.push(await failureOf(provider.fetchAll(given)))
  return failures
}

/** The error that a fetch of the one key `key` rejects with, or brings for it. */
export async function failureOf(fetching: Promise<Map<string, Brought>>): Promise<ProviderError> {
  const outcome: unknown = await fetching.then(
    (result) => result.get('key'),
    (error: unknown) => error,
  )
  return outcome instanceof ProviderError ? outcome : fail(outcome)
}

/** Nothing that prints it, however deeply, shows a value; nor does a value's hexadecimal form. */
export function leaksNothing(t: Test, printed: unknown): void {
  const shown = [
    inspect(printed, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxArrayLength: 10 }),
    String(printed),
    JSON.stringify(printed instanceof Map ? [...printed] : printed),
    printed instanceof Error ? `${printed.message} ${printed.stack}` : '',
  ].join('\n')
  const found = /CANARY-|43 41 4e 41 52 59|Q0FOQVJZ|43414e415259/.exec(shown)
  t.equal(found, null, 'no value is shown')
}

/** A value's bytes; undefined for an error or nothing. */
export function bytes(entry: Brought | undefined): Buffer | undefined {
  return entry !== undefined && 'value' in entry ? entry.value.reveal() : undefined
}

export function text(entry: Brought | undefined): string | undefined {
  return bytes(entry)?.toString('utf8')
}

export function texts(values: Readonly<Record<string, string>>): Map<string, Buffer> {
  return new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value)]))
}

/** The signal of somebody who never gives up. */
export function signal(): AbortSignal {
  return new AbortController().signal
}

function fail(outcome: unknown): never {
  throw new Error('the fetch succeeded, or failed otherwise than the contract says', { cause: outcome })
}
