import t from 'tap'
import { CodedError } from '../../src/errors.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { Source } from '../../src/secrets/source.ts'
import { fetched, throttled } from '../support/heart-backend.ts'
import { minute } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const began = (): void => {}

function sourceOf(provider: Partial<Provider>): { source: Source; clock: VirtualClock } {
  const clock = new VirtualClock()
  return { source: new Source('p', { fetch: async () => new Map(), ...provider }, clock), clock }
}

t.test("a provider's own error comes through as it is, whether thrown or given for the key", async (t) => {
  const error = throttled(5_000)
  const thrown = sourceOf({ fetch: async () => Promise.reject(error) })
  t.equal(await thrown.source.fetch('k', began), error)
  const given = sourceOf({ fetch: async () => new Map([['k', error]]) })
  t.equal(await given.source.fetch('k', began), error)
})

t.test('an answer without the key is missing', async (t) => {
  const { source } = sourceOf({ fetch: async () => new Map([['other', fetched('CANARY-other')]]) })
  t.match(await source.fetch('k', began), { kind: 'missing', reason: 'not-found', message: 'p has no "k"' })
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
      const error = await source.fetch('k', began)
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
  t.match(await source.fetch('k', began), { kind: 'unavailable', message: /RangeError/ })
  t.match(await source.watch(began), { kind: 'unavailable', message: /RangeError/ })
})

t.test('a credential that cannot be read is said so, with its remedy', async (t) => {
  const cause = new CodedError('SIDEKEEP_CREDENTIAL_UNREADABLE', ['the token file is not there'])
  const { source } = sourceOf({ fetch: async () => Promise.reject(cause) })
  const error = await source.fetch('k', began)
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
  const answer = source.fetch('k', began)
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
      fetch: () => {
        calls += 1
        return new Promise(() => {})
      },
      close: async () => {
        closed += 1
      },
    })
    const underWay = source.fetch('k', began)
    await settle()
    await source.close()
    t.match(await underWay, { reason: 'aborted' })
    t.match(await source.fetch('k', began), { reason: 'aborted' })
    t.match(await source.fetchAll(began), { reason: 'aborted' })
    t.same([calls, closed, clock.pending], [1, 1, 0])
  },
)

t.test('a source that cannot list says so', async (t) => {
  const { source } = sourceOf({})
  t.notOk(source.listsAll)
  t.notOk(source.watches)
  t.match(await source.fetchAll(began), { kind: 'unavailable', message: 'p cannot list' })
})
