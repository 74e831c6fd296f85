import t from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import type { Ask, Brought, CallLimits, Urgency } from '../../src/secrets/source.ts'
import { Source } from '../../src/secrets/source.ts'
import type { Answer } from '../support/heart-backend.ts'
import { denied, fetched, missing, throttled, unavailable, unchanged } from '../support/heart-backend.ts'
import { second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

interface Call {
  readonly at: number
  readonly keys: readonly string[]
  readonly end: (answer?: Error | ReadonlyMap<string, Answer>) => void
}

/** A source over a backend that takes `batchSize` keys a call, and ends its calls when the test says so. */
function batching(batchSize: number | undefined, limits: Partial<CallLimits> = {}) {
  const clock = new VirtualClock()
  const calls: Call[] = []
  const provider = {
    ...(batchSize === undefined ? {} : { batchSize }),
    fetch(keys: readonly string[]): Promise<Map<string, Answer>> {
      const { promise, resolve, reject } = Promise.withResolvers<Map<string, Answer>>()
      const all = new Map(keys.map((key) => [key, fetched(`CANARY-${key}`)]))
      const end: Call['end'] = (answer = all) =>
        answer instanceof Error ? reject(answer) : resolve(new Map(answer))
      calls.push({ at: clock.now(), keys, end })
      return promise
    },
  }
  const source = new Source('p', provider, clock, { random: () => 0.5, limits })
  const began: string[] = []
  const fetch = (key: string, urgency: Urgency = 'routine', more: Partial<Ask> = {}) =>
    source.fetch(key, { urgency, began: () => began.push(key), ...more })
  return { clock, calls, source, began, fetch }
}

function inWords(brought: Brought): string {
  if ('unchanged' in brought) return 'unchanged'
  return brought instanceof Error ? `${brought.kind} ${brought.reason}` : brought.value.reveal().toString()
}

t.test('keys that are wanted within ten milliseconds go in one call', async (t) => {
  const { clock, calls, source, began, fetch } = batching(10)
  t.ok(source.batches)
  const answers = [fetch('a'), fetch('b')]
  await clock.advance(9)
  answers.push(fetch('c'))
  t.same([calls.length, began], [0, []])
  await clock.advance(1)
  t.same(
    calls.map(({ at, keys }) => [at, keys]),
    [[10, ['a', 'b', 'c']]],
  )
  t.same(began, ['a', 'b', 'c'])
  calls[0]?.end()
  t.same((await Promise.all(answers)).map(inWords), ['CANARY-a', 'CANARY-b', 'CANARY-c'])
  void fetch('d')
  await clock.advance(10)
  t.same(calls[1]?.keys, ['d'], 'what comes later has a window of its own')
  t.equal(clock.pending, 1, 'the deadline of the call')
})

t.test('where a call is for one key nothing waits', async (t) => {
  for (const batchSize of [undefined, 1]) {
    const { clock, calls, source, fetch } = batching(batchSize)
    t.notOk(source.batches)
    void fetch('a')
    void fetch('b')
    t.same(
      calls.map(({ at, keys }) => [at, keys]),
      [
        [0, ['a']],
        [0, ['b']],
      ],
    )
    await source.close()
    t.equal(clock.pending, 0)
  }
})

t.test('a full batch goes at once, and the next key opens another', async (t) => {
  const { clock, calls, fetch } = batching(3)
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) void fetch(key)
  t.same(
    calls.map(({ keys }) => keys.join('')),
    ['abc', 'def'],
  )
  await clock.advance(10)
  t.same(
    calls.map(({ keys }) => keys.join('')),
    ['abc', 'def', 'g'],
  )
})

t.test('two who ask for the same key share, until its call has begun', async (t) => {
  const { clock, calls, began, fetch } = batching(10)
  const first = fetch('a')
  const second = fetch('a')
  await clock.advance(10)
  const third = fetch('a')
  await clock.advance(10)
  t.same(
    calls.map(({ keys }) => keys),
    [['a'], ['a']],
  )
  t.same(began, ['a', 'a', 'a'])
  calls[0]?.end()
  t.same((await Promise.all([first, second])).map(inWords), ['CANARY-a', 'CANARY-a'])
  t.not(await first, await second, 'each a value of its own, which it may overwrite')
  calls[1]?.end(new Map([['a', missing()]]))
  t.equal(inWords(await third), 'missing not-found')
})

t.test('what goes wrong with one key is its own; what is not in the answer is missing', async (t) => {
  const { clock, calls, fetch } = batching(10)
  const answers = ['a', 'b', 'c'].map((key) => fetch(key))
  await clock.advance(10)
  const error = denied()
  calls[0]?.end(
    new Map<string, Answer>([
      ['a', fetched('CANARY-a')],
      ['b', error],
      ['nobody', fetched('CANARY-nobody')],
    ]),
  )
  const [a, b, c] = await Promise.all(answers)
  t.equal(a && inWords(a), 'CANARY-a')
  t.equal(b, error)
  t.match(c, { kind: 'missing', message: 'p has no "c"' })
})

t.test(
  'when the whole call fails, each key fails, and no message of unknown origin gets through',
  async (t) => {
    const { clock, calls, fetch } = batching(10)
    const answers = ['a', 'b'].map((key) => fetch(key))
    await clock.advance(10)
    calls[0]?.end(new TypeError('CANARY-in-a-message'))
    for (const error of await Promise.all(answers)) {
      t.match(error, { kind: 'unavailable', reason: 'internal', message: /TypeError/ })
      t.notMatch(error, { message: /CANARY-/ })
    }
  },
)

t.test('a batch takes further keys while it waits for its turn, and costs one call', async (t) => {
  const { clock, calls, fetch } = batching(3, { maxConcurrentCalls: 1 })
  void fetch('a')
  await clock.advance(10)
  void fetch('b')
  await clock.advance(second)
  void fetch('c')
  void fetch('d')
  void fetch('e')
  await clock.advance(10)
  calls[0]?.end()
  await settle()
  t.same(
    calls.map(({ keys }) => keys.join('')),
    ['a', 'bcd'],
  )
  calls[1]?.end()
  await settle()
  t.equal(calls[2]?.keys.join(''), 'e')
})

t.test('one call takes one token of the rate, however many keys it is for', async (t) => {
  const { clock, calls, fetch } = batching(100, { maxCallsPerSecond: 1 })
  for (let at = 0; at < 250; at += 1) void fetch(`${at}`)
  await clock.advance(3 * second)
  t.same(
    calls.map(({ at, keys }) => [at, keys.length]),
    [
      [0, 100],
      [second, 100],
      [2 * second, 50],
    ],
  )
})

t.test('the most urgent ask decides for its batch, when it joins later or hurries too', async (t) => {
  const { clock, calls, source, fetch } = batching(2, { maxConcurrentCalls: 1 })
  const order = (): string[] => calls.map(({ keys }) => keys.join(''))
  void fetch('x')
  await clock.advance(10)
  void fetch('a')
  void fetch('b')
  void fetch('c')
  void fetch('d', 'caller')
  void fetch('e')
  void fetch('f')
  void fetch('g')
  await clock.advance(10)
  source.raise('f', 'caller')
  void fetch('h', 'expiring')
  for (let at = 0; at < 5; at += 1) {
    calls[at]?.end()
    await settle()
  }
  t.same(order(), ['x', 'cd', 'ef', 'gh', 'ab'])
})

t.test(
  'a batch is as patient as the most patient of its asks, and bounded only if all are impatient',
  async (t) => {
    const { clock, calls, fetch } = batching(2, { maxConcurrentCalls: 1, maxQueuedCalls: 1 })
    void fetch('x')
    await clock.advance(10)
    const given = Promise.all([
      fetch('a', 'caller', { patienceMs: 100 }),
      fetch('b', 'caller', { patienceMs: 200 }),
    ])
    const kept = [fetch('d', 'caller', { patienceMs: 100 }), fetch('e')]
    const full = fetch('c', 'caller', { patienceMs: 100 })
    await clock.advance(10)
    t.match(await full, {
      kind: 'unavailable',
      reason: 'busy',
      message: 'p: too many calls wait already (maxQueuedCalls)',
    })
    await clock.advance(second)
    for (const error of await given) t.match(error, { kind: 'unavailable', reason: 'timeout' })
    calls[0]?.end()
    await settle()
    t.equal(calls[1]?.keys.join(''), 'de')
    calls[1]?.end()
    t.same((await Promise.all(kept)).map(inWords), ['CANARY-d', 'CANARY-e'])
  },
)

t.test('keys that were given up can be asked for again', async (t) => {
  const { clock, calls, fetch } = batching(2, { maxConcurrentCalls: 1 })
  void fetch('x')
  await clock.advance(10)
  const first = fetch('a', 'caller', { patienceMs: 100 })
  await clock.advance(second)
  t.match(await first, { reason: 'timeout' })
  const again = fetch('a')
  await clock.advance(10)
  calls[0]?.end()
  await settle()
  calls[1]?.end()
  t.equal(inWords(await again), 'CANARY-a')
})

t.test(
  'a batch in which every key fails counts as a failed call, one with a good key does not',
  async (t) => {
    const open = async (good: boolean): Promise<string> => {
      const { clock, calls, source, fetch } = batching(5)
      for (let round = 0; round < 5; round += 1) {
        const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => fetch(key)))
        await clock.advance(10)
        const answer = new Map<string, Answer>(['a', 'b', 'c', 'd', 'e'].map((key) => [key, unavailable()]))
        if (good) answer.set('e', fetched('CANARY-e'))
        calls.at(-1)?.end(answer)
        await answers
      }
      return source.breaker.state
    }
    t.equal(await open(false), 'open')
    t.equal(await open(true), 'closed')
  },
)

t.test('one key that is throttled is the provider asking for fewer calls', async (t) => {
  const { clock, calls, fetch } = batching(2)
  const answers = [fetch('a'), fetch('b')]
  calls[0]?.end(
    new Map<string, Answer>([
      ['a', fetched('CANARY-a')],
      ['b', throttled(5 * second)],
    ]),
  )
  await Promise.all(answers)
  t.match(await fetch('c'), { kind: 'throttled', retryAfterMs: 5 * second })
  await clock.advance(second)
  t.equal(calls.length, 1)
})

t.test('what waits for its window when the source closes ends at once', async (t) => {
  const { clock, calls, source, fetch } = batching(10)
  const answer = fetch('a')
  await source.close()
  t.match(await answer, { reason: 'aborted' })
  t.match(await fetch('b'), { reason: 'aborted' })
  t.same([calls.length, clock.pending], [0, 0])
})

t.test(
  'what is held is passed on as it is when the call is made, where all who ask hold the same',
  async (t) => {
    const { clock, source, offered } = offering()
    let version = 'v1'
    const ask = (key: string, held?: () => string | undefined) =>
      source.fetch(key, { urgency: 'routine', began: () => {}, ...(held === undefined ? {} : { held }) })
    const answers = [
      ask('a', () => version),
      ask('b', () => 'v1'),
      ask('b', () => 'v2'),
      ask('c', () => 'v1'),
      ask('c'),
      ask('d'),
      ask('e', () => undefined),
      ask('f', () => 'v1'),
      ask('f', () => 'v1'),
    ]
    version = 'v3'
    await clock.advance(10)
    t.same(offered, [{ a: 'v3', f: 'v1' }])
    const words = (await Promise.all(answers)).map(inWords)
    t.equal(words[0], 'unchanged')
    t.same(words.slice(-2), ['unchanged', 'unchanged'])
    t.same(words.slice(1, -2), Array(6).fill('unavailable internal'), 'of the others that is no answer')
    void ask('d')
    await clock.advance(10)
    t.same(offered[1], undefined, 'where nothing is, nothing is said')
  },
)

t.test(
  'a provider that calls everything unchanged which it was told nothing of is one that fails',
  async (t) => {
    const { clock, source } = offering()
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      const answer = source.fetch(key, { urgency: 'routine', began: () => {} })
      await clock.advance(10)
      t.match(inWords(await answer), 'unavailable internal')
    }
    t.equal(source.breaker.state, 'open')
  },
)

/** A source over a backend that calls everything unchanged. */
function offering() {
  const clock = new VirtualClock()
  const offered: (Record<string, string> | undefined)[] = []
  const provider: Provider = {
    batchSize: 10,
    fetch: async (keys, _signal, held) => {
      offered.push(held === undefined ? undefined : Object.fromEntries(held))
      return new Map(keys.map((key) => [key, unchanged()]))
    },
  }
  return { clock, offered, source: new Source('p', provider, clock, { random: () => 0.5 }) }
}
