import t from 'tap'
import { CodedError } from '../../src/errors.ts'
import type { Lease, Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { Ask, SourceOptions } from '../../src/secrets/source.ts'
import { Source } from '../../src/secrets/source.ts'
import type { Answer } from '../support/heart-backend.ts'
import { denied, fetched, missing, throttled, unavailable } from '../support/heart-backend.ts'
import { minute, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const ask: Ask = { urgency: 'routine', began: () => {} }

function sourceOf(
  provider: Partial<Provider>,
  options: SourceOptions = {},
): { source: Source; clock: VirtualClock } {
  const clock = new VirtualClock()
  const whole = { fetch: async () => new Map(), ...provider }
  return { source: new Source('p', whole, clock, { random: () => 0.5, ...options }), clock }
}

type Change = Parameters<NonNullable<SourceOptions['onBreaker']>>[0]

/** A provider whose calls the test answers, one after the other. */
class Desk {
  readonly keys: string[] = []
  readonly #ends: ((answer: Answer) => void)[] = []

  fetch = async ([key = '']: readonly string[]): Promise<Map<string, Answer>> => {
    this.keys.push(key)
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#ends.push(resolve)
    return new Map([[key, await promise]])
  }

  async end(answer: Answer): Promise<void> {
    this.#ends.shift()?.(answer)
    await settle()
  }
}

t.test("a provider's own error comes through as it is, whether thrown or given for the key", async (t) => {
  const error = throttled(5_000)
  const thrown = sourceOf({ fetch: async () => Promise.reject(error) })
  t.equal(await thrown.source.fetch('k', ask), error)
  const given = sourceOf({ fetch: async () => new Map([['k', error]]) })
  t.equal(await given.source.fetch('k', ask), error)
})

t.test('an answer without the key is missing', async (t) => {
  const { source } = sourceOf({ fetch: async () => new Map([['other', fetched('CANARY-other')]]) })
  t.match(await source.fetch('k', ask), { kind: 'missing', reason: 'not-found', message: 'p has no "k"' })
})

t.test(
  'an error of unknown origin may quote anything: its message and its cause go no further',
  async (t) => {
    for (const thrown of [
      new TypeError('CANARY-in-a-message'),
      'CANARY-as-text',
      { value: 'CANARY-in-an-object' },
      null,
    ]) {
      const { source } = sourceOf({
        fetch: async () => {
          throw thrown
        },
      })
      const error = await source.fetch('k', ask)
      t.match(error, { kind: 'unavailable', reason: 'internal', cause: undefined })
      t.ok(error instanceof ProviderError && !error.message.includes('CANARY-'))
    }
  },
)

t.test('a provider that throws where it should reject does no harm', async (t) => {
  const { source } = sourceOf({
    fetch: () => {
      throw new RangeError('at once')
    },
    watch: () => {
      throw new RangeError('at once')
    },
  })
  t.match(await source.fetch('k', ask), { kind: 'unavailable', message: /RangeError/ })
  t.match(await source.watch(() => {}), { kind: 'unavailable', message: /RangeError/ })
})

t.test('a credential that cannot be read is said so, with its remedy', async (t) => {
  const cause = new CodedError('SIDEKEEP_CREDENTIAL_UNREADABLE', ['the token file is not there'])
  const { source } = sourceOf({ fetch: async () => Promise.reject(cause) })
  const error = await source.fetch('k', ask)
  t.match(error, { kind: 'unavailable', reason: 'credential', message: 'p: the token file is not there' })
})

t.test('a call that hangs is aborted and given up, and what it says later is for nobody', async (t) => {
  let signal: AbortSignal | undefined
  const { promise, reject } = Promise.withResolvers<never>()
  const { source, clock } = sourceOf({
    fetch: (_keys, given) => {
      signal = given
      return promise
    },
  })
  const answer = source.fetch('k', ask)
  await clock.advance(10 * minute)
  t.match(await answer, { kind: 'unavailable', reason: 'timeout' })
  t.ok(signal?.aborted)
  reject(new Error('late, and handled'))
  await settle()
  t.equal(clock.pending, 0)
})

t.test(
  'after the close calls end at once, without the provider, and the provider is closed once',
  async (t) => {
    let calls = 0
    let closed = 0
    const { source, clock } = sourceOf({
      batchSize: 1,
      fetch: () => {
        calls += 1
        return new Promise(() => {})
      },
      fetchAll: async () => {
        calls += 1
        return new Map()
      },
      close: async () => {
        closed += 1
      },
    })
    const underWay = source.fetch('k', ask)
    await settle()
    await source.close()
    t.match(await underWay, { reason: 'aborted' })
    t.match(await source.fetch('k', ask), { reason: 'aborted' })
    t.match(await source.fetchAll(ask), { reason: 'aborted' })
    t.same([calls, closed, clock.pending], [1, 1, 0])
  },
)

t.test('a source that cannot list says so', async (t) => {
  const { source } = sourceOf({})
  t.notOk(source.listsAll)
  t.notOk(source.watches)
  t.match(await source.fetchAll(ask), { kind: 'unavailable', message: 'p cannot list' })
})

t.test('a provider that is down is left alone after five calls, and found again by the probe', async (t) => {
  let down = true
  const called: number[] = []
  const changes: Change[] = []
  const openings: number[] = []
  const { source, clock } = sourceOf(
    {
      fetch: async ([key = '']) => {
        called.push(clock.now())
        return new Map([[key, down ? unavailable() : fetched('CANARY-up')]])
      },
    },
    { onBreaker: (event) => changes.push(event) },
  )
  source.onOpened = (probeAt) => openings.push(probeAt)
  for (const key of ['a', 'b', 'c', 'd', 'e']) await source.fetch(key, ask)
  t.same(source.breaker, { state: 'open', cause: 'unavailable', probeAt: 500 })
  const refused = await source.fetch('a', { ...ask, began: () => t.fail('it was not called') })
  t.match(refused, { kind: 'unavailable', reason: 'circuit-open', retryAfterMs: 500 })
  t.match(refused, { message: /the backend refuses connections/ })
  await clock.advance(500)
  const probes = ['a', 'b'].map((key) => source.fetch(key, ask))
  t.equal(source.breaker.state, 'half-open')
  t.match(await probes[1], { reason: 'circuit-open', retryAfterMs: second })
  t.match(await probes[0], { reason: 'refused' })
  t.same(openings, [500, 1_500])
  down = false
  await clock.advance(second)
  t.match(await source.fetch('a', ask), { value: {} })
  t.same(source.breaker, { state: 'closed', cause: undefined, probeAt: undefined })
  t.equal(called.length, 7)
  t.same(changes, [
    { provider: 'p', cause: 'unavailable', open: true, nextProbeMs: 500 },
    { provider: 'p', cause: 'unavailable', open: false, nextProbeMs: 0 },
  ])
})

t.test('what waits for its turn when the breaker opens is refused at once', async (t) => {
  const desk = new Desk()
  const { source, clock } = sourceOf(desk, { limits: { maxConcurrentCalls: 2, maxCallsPerSecond: 6 } })
  const answers = Array.from({ length: 100 }, (_, at) => source.fetch(`${at}`, ask))
  for (let call = 0; call < 5; call += 1) await desk.end(unavailable())
  t.equal(desk.keys.length, 6)
  for (const answer of await Promise.all(answers.slice(6))) {
    if (!(answer instanceof ProviderError)) t.fail('an answer without a call')
    else if (answer.reason !== 'circuit-open') t.fail(answer.reason)
  }
  t.equal(clock.now(), 0)
})

t.test('what waits for its turn when the provider asks for fewer calls is refused at once', async (t) => {
  const desk = new Desk()
  const { source, clock } = sourceOf(desk, { limits: { maxConcurrentCalls: 1, maxCallsPerSecond: 1 } })
  const answers = ['a', 'b', 'c'].map((key) => source.fetch(key, ask))
  await desk.end(throttled(10 * second))
  for (const answer of await Promise.all(answers)) t.match(answer, { kind: 'throttled' })
  t.match(await source.fetch('d', { ...ask, forced: true }), { kind: 'throttled', retryAfterMs: 10 * second })
  t.equal(source.breaker.state, 'closed')
  await clock.advance(10 * second)
  void source.fetch('d', ask)
  t.same(desk.keys, ['a', 'd'])
})

t.test('a refused credential is tried again after half a minute at most, whatever asks for it', async (t) => {
  let calls = 0
  const { source, clock } = sourceOf({
    fetch: async ([key = '']) => {
      calls += 1
      return new Map([[key, denied()]])
    },
  })
  for (const key of ['a', 'b', 'c']) await source.fetch(key, ask)
  t.match(source.breaker, { state: 'open', cause: 'denied' })
  for (let s = 0; s < 600; s += 1) {
    await source.fetch('a', ask)
    await clock.advance(second)
  }
  t.equal(calls, 3 + 4, 'after 22, 67, 157 and 337 s')
  t.match(await source.fetch('a', ask), { kind: 'denied', reason: 'circuit-open' })
})

t.test('one bad key is called again and again while the others answer, and opens nothing', async (t) => {
  const answers: Record<string, Answer> = { bad: unavailable(), locked: denied(), gone: missing() }
  const { source } = sourceOf(
    { fetch: async ([key = '']) => new Map([[key, answers[key] ?? fetched('CANARY-good')]]) },
    { limits: { maxCallsPerSecond: 10_000 } },
  )
  for (let round = 0; round < 100; round += 1) {
    for (const key of [
      'good',
      'bad',
      'bad',
      'bad',
      'bad',
      'bad',
      'bad',
      'gone',
      'locked',
      'locked',
      'locked',
    ])
      await source.fetch(key, ask)
  }
  t.equal(source.breaker.state, 'closed')
})

t.test('answers that are too large speak of one value only', async (t) => {
  const { source } = sourceOf({
    fetch: async () => {
      throw new ProviderError('unavailable', 'oversized', 'more than maxBody')
    },
  })
  for (let call = 0; call < 20; call += 1) await source.fetch(`${call}`, ask)
  t.equal(source.breaker.state, 'closed')
})

t.test('a caller moves what is queued ahead: a key, the list, a lease', async (t) => {
  const order: string[] = []
  const ends: (() => void)[] = []
  const turn = <T>(name: string, answer: T): Promise<T> => {
    order.push(name)
    return new Promise((resolve) => ends.push(() => resolve(answer)))
  }
  const lease: Lease = { id: 'lease', durationMs: minute, renewable: true }
  const { source } = sourceOf(
    {
      batchSize: 1,
      fetch: ([key = '']) => turn(key, new Map([[key, fetched('CANARY-key')]])),
      fetchAll: () => turn('list', new Map()),
      renew: (key) => turn(`renew ${key}`, lease),
    },
    { limits: { maxConcurrentCalls: 1 } },
  )
  for (const key of ['x', 'a', 'b', 'c']) void source.fetch(key, ask)
  void source.renew('d', lease, ask)
  void source.fetchAll(ask)
  source.raise('c', 'caller')
  source.raise(undefined, 'caller')
  source.raise('d', 'caller')
  source.raise('nobody', 'caller')
  for (let at = 0; at < 6; at += 1) {
    ends[at]?.()
    await settle()
  }
  t.same(order, ['x', 'c', 'list', 'renew d', 'a', 'b'])
})

t.test('who gave up before their turn costs no call', async (t) => {
  const desk = new Desk()
  const { source, clock } = sourceOf(desk, { limits: { maxConcurrentCalls: 1 } })
  void source.fetch('a', ask)
  const began = (): void => void t.fail('it was given up')
  const answer = source.fetch('b', { urgency: 'caller', began, patienceMs: 5 * second })
  await clock.advance(5 * second)
  t.match(await answer, { kind: 'unavailable', reason: 'timeout', message: /^p was not asked in time/ })
  await desk.end(fetched('CANARY-a'))
  t.same(desk.keys, ['a'])
})

t.test('a lease is renewed by a call like any other', async (t) => {
  const lease: Lease = { id: 'lease', durationMs: minute, renewable: true }
  let answer: Lease | Error = { ...lease, durationMs: second }
  const { source } = sourceOf({
    renew: async () => {
      if (answer instanceof Error) throw answer
      return answer
    },
  })
  t.ok(source.renews)
  t.equal(await source.renew('k', lease, ask), answer)
  answer = new RangeError('CANARY-in-a-message')
  t.match(await source.renew('k', lease, ask), { kind: 'unavailable', reason: 'internal' })
  answer = denied()
  for (let call = 0; call < 20; call += 1) t.equal(await source.renew('k', lease, ask), answer)
  t.equal(source.breaker.state, 'closed', 'a lease that is over says nothing of the credential')
  const other = sourceOf({}).source
  t.notOk(other.renews)
  t.match(await other.renew('k', lease, ask), { kind: 'unavailable', message: 'p cannot renew' })
})

t.test('at the close what waits for its turn ends too, and no timer is left', async (t) => {
  const desk = new Desk()
  const { source, clock } = sourceOf(desk, { limits: { maxConcurrentCalls: 3, maxCallsPerSecond: 2 } })
  const answers = Array.from({ length: 10 }, (_, at) =>
    source.fetch(`${at}`, { ...ask, ...(at % 2 === 0 ? { patienceMs: minute } : {}) }),
  )
  t.equal(clock.pending, 2 + 2, 'two deadlines of calls, the rate and the patience of all who wait')
  await source.close()
  for (const answer of await Promise.all(answers)) t.match(answer, { reason: 'aborted' })
  t.same([desk.keys.length, clock.pending], [2, 0])
})
