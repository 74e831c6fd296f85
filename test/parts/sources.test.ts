import { pino } from 'pino'
import t from 'tap'
import type { Config } from '../../src/config/schema.ts'
import { Sources } from '../../src/parts/sources.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { parse } from '../config/helpers.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const none = { added: [], removed: [], changed: [] }

async function providersOf(...names: string[]): Promise<Config['providers']> {
  const lines = names.map((name) => `  ${name}: { type: env, prefix: ${name.toUpperCase()}_ }`)
  return (await parse(`providers:\n${lines.join('\n')}\n`)).config.providers
}

async function rigOf(...names: string[]) {
  const story: string[] = []
  /** Providers whose building or closing fails. */
  const broken = new Set<string>()
  const lines: string[] = []
  const makeProvider = async (_config: unknown, { name }: { name: string }): Promise<Provider> => {
    if (broken.has(name)) throw new Error('CANARY-in-an-error-of-unknown-origin')
    story.push(`build ${name}`)
    return {
      fetch: async () => {
        throw new ProviderError('unavailable', 'refused', `${name} refused`)
      },
      close: async () => {
        story.push(`close ${name}`)
        if (broken.has(`${name} at its end`)) throw new Error('CANARY-in-an-error-of-unknown-origin')
      },
    }
  }
  const clock = new VirtualClock()
  const log = pino({ base: null, serializers: { err: () => 'err' } }, { write: (line) => lines.push(line) })
  const sources = await Sources.create(await providersOf(...names), {
    makeProvider,
    clock,
    random: () => 0.5,
    log,
  })
  return { sources, story, broken, lines, clock }
}

t.test(
  'what stays the same is the same object, and what is left behind is closed when asked to',
  async (t) => {
    const { sources, story } = await rigOf('a', 'b', 'c')
    const before = sources.all
    story.length = 0
    const prepared = await sources.prepare(await providersOf('a', 'b', 'd'), {
      added: ['d'],
      removed: ['c'],
      changed: ['b'],
    })
    t.equal(sources.all, before, 'nothing has changed yet')
    prepared.commit()
    t.strictSame([...sources.all.keys()].sort(), ['a', 'b', 'd'])
    t.equal(sources.all.get('a'), before.get('a'))
    t.not(sources.all.get('b'), before.get('b'))
    t.strictSame(story.sort(), ['build b', 'build d'])
    prepared.closeFormer()
    await sources.close()
    t.strictSame(story.sort(), ['build b', 'build d', 'close a', 'close b', 'close b', 'close c', 'close d'])
  },
)

t.test('where one provider cannot be built, the others are closed again', async (t) => {
  const { sources, story, broken } = await rigOf('a')
  story.length = 0
  broken.add('c')
  const before = sources.all
  await t.rejects(sources.prepare(await providersOf('a', 'b', 'c', 'd'), { ...none, added: ['b', 'c', 'd'] }))
  t.strictSame(story.sort(), ['build b', 'build d', 'close b', 'close d'])
  t.equal(sources.all, before)
})

t.test('a provider that does not close in order is a line of the log and holds nothing up', async (t) => {
  const { sources, broken, lines } = await rigOf('a', 'b')
  broken.add('a at its end')
  const prepared = await sources.prepare(await providersOf('b'), { ...none, removed: ['a'] })
  prepared.commit()
  prepared.closeFormer()
  await sources.close()
  t.equal(lines.length, 1)
  t.match(lines[0], 'provider did not close in order')
  t.notMatch(lines[0], 'CANARY-')
})

t.test('of breakers only those of providers in use are told', async (t) => {
  const { sources } = await rigOf('a')
  const told: string[] = []
  sources.onBreaker = ({ provider, open }) => told.push(`${provider} ${open}`)
  const [former] = sources.all.values()
  const fail = async (source: typeof former): Promise<void> => {
    for (let call = 0; call < 5; call += 1) {
      await source?.fetch(`k${call}`, { urgency: 'routine', began: () => {} })
    }
  }
  const prepared = await sources.prepare(await providersOf('a'), { ...none, changed: ['a'] })
  prepared.commit()
  await fail(former)
  t.strictSame(told, [], 'that one is history')
  await fail(sources.all.get('a'))
  t.strictSame(told, ['a true'])
})

/** One http provider, and what it is asked and answers. */
async function httpRig() {
  const clock = new VirtualClock()
  const calls: string[] = []
  let failure: ProviderError | undefined
  const configOf = async (more: string): Promise<Config['providers']> =>
    (await parse(`providers:\n  a: { type: http, ${more} }\n`)).config.providers
  const sources = await Sources.create(await configOf('url: "http://one.test/{key}", maxCallsPerSecond: 5'), {
    makeProvider: async () => ({
      fetch: async (keys) => {
        calls.push(...keys)
        if (failure !== undefined) throw failure
        return new Map()
      },
    }),
    clock,
    random: () => 0.5,
    log: pino({ enabled: false }),
  })
  return {
    clock,
    calls,
    fail(error: ProviderError | undefined) {
      failure = error
    },
    async replace(more: string) {
      const prepared = await sources.prepare(await configOf(more), { ...none, changed: ['a'] })
      prepared.commit()
      prepared.closeFormer()
      await settle()
    },
    ask: async (key: string) => {
      const answer = sources.all.get('a')?.fetch(key, { urgency: 'routine', began: () => {} })
      answer?.catch(() => {})
      await settle()
      return { answer }
    },
  }
}

t.test('what takes the place of another source has no budget of its own to spend', async (t) => {
  const { clock, calls, replace, ask } = await httpRig()
  for (let key = 0; key < 5; key += 1) await ask(`k${key}`)
  t.equal(calls.length, 5, 'the burst')
  for (let round = 1; round <= 10; round += 1) {
    await replace(`url: "http://one.test/{key}", maxCallsPerSecond: 5, timeout: ${round}s`)
    await ask(`r${round}`)
    t.equal(calls.length, 5, 'none more')
  }
  await clock.advance(200)
  t.equal(calls.length, 6, 'until there is one again')
  await replace('url: "http://two.test/{key}", maxCallsPerSecond: 50')
  for (let key = 0; key < 60; key += 1) await ask(`n${key}`)
  t.equal(calls.length, 6 + 45, 'of another rate, what is left of it')
})

t.test(
  'a backend that asked for fewer calls gets none from what replaces its source, another one does',
  async (t) => {
    const { clock, calls, fail, replace, ask } = await httpRig()
    fail(new ProviderError('throttled', 'throttled', 'fewer calls', { retryAfterMs: 60_000 }))
    await ask('a')
    fail(undefined)
    await replace('url: "http://one.test/other/{key}", timeout: 3s')
    t.match(await (await ask('b')).answer, { kind: 'throttled', retryAfterMs: 60_000 })
    t.equal(calls.length, 1)
    await replace('url: "http://two.test/{key}"')
    await ask('c')
    t.equal(calls.length, 2)
    await replace('url: "http://one.test/{key}"')
    await clock.advance(60_000)
    await ask('d')
    t.equal(calls.length, 3)
  },
)
