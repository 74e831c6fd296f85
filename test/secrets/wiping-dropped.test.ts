import t from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { SecretValue } from '../../src/secrets/secret.ts'
import { Source } from '../../src/secrets/source.ts'
import { createRig, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const isWiped = (bytes: Buffer): boolean => bytes.length > 0 && bytes.every((byte) => byte === 0)

/** A backend that lists, or is asked key by key, and answers when the test says so, whatever its signal says. */
function slowBackend(kind: 'key' | 'list' | 'batch') {
  const brought: Buffer[] = []
  const waiting: (() => void)[] = []
  const answerTo = (keys: readonly string[]): Promise<Map<string, { value: SecretValue }>> => {
    const { promise, resolve } = Promise.withResolvers<Map<string, { value: SecretValue }>>()
    waiting.push(() => {
      const buffers = keys.map((key) => [key, Buffer.from(`CANARY-${key}`)] as const)
      brought.push(...buffers.map(([, bytes]) => bytes))
      resolve(new Map(buffers.map(([key, bytes]) => [key, { value: new SecretValue(bytes) }])))
    })
    return promise
  }
  const backend: Provider = {
    ...(kind === 'batch' ? { batchSize: 10 } : {}),
    fetch: (keys) => answerTo(keys),
    ...(kind === 'list' ? { fetchAll: () => answerTo(['a', 'b']) } : {}),
  }
  const answer = async (): Promise<void> => {
    for (const each of waiting.splice(0)) each()
    await settle()
  }
  return { backend, brought, answer }
}

const kinds = ['key', 'list', 'batch'] as const
const rules = [ruleOf('a'), ruleOf('b')]
const bounds = { maxEntries: 10, maxBytes: 1_000_000, missingTtlMs: second }

function start(test: Parameters<typeof createRig>[0], kind: (typeof kinds)[number]) {
  const clock = new VirtualClock()
  const slow = slowBackend(kind)
  const rig = createRig(test, { clock, backend: slow.backend, rules })
  rig.refresher.start()
  return { ...rig, ...slow }
}

t.test('what arrives when the refresher has stopped is overwritten', async (t) => {
  for (const kind of kinds) {
    const { clock, refresher, answer, brought } = start(t, kind)
    await clock.advance(10)
    refresher.stop()
    await answer()
    t.equal(brought.length, 2)
    t.ok(brought.every(isWiped), kind)
  }
})

t.test('what arrives when its source is closed is overwritten, also in the same moment', async (t) => {
  for (const kind of kinds) {
    for (const order of ['after', 'together']) {
      const { clock, stop, answer, brought } = start(t, kind)
      await clock.advance(10)
      if (order === 'after') await stop()
      else void stop()
      await answer()
      t.equal(brought.length, 2)
      t.ok(brought.every(isWiped), `${kind}, ${order}`)
    }
  }
})

t.test('what arrives when the call was given up is overwritten, and what came in time is not', async (t) => {
  for (const kind of kinds) {
    const { clock, see, answer, brought } = start(t, kind)
    await clock.advance(6 * minute + second)
    // Another call is under way by then: both answer.
    await answer()
    t.equal(brought.length, 4, 'two of each call')
    t.same(brought.map(isWiped), [true, true, false, false], kind)
    t.same([see('a'), see('b')], ['fresh CANARY-a', 'fresh CANARY-b'])
  }
})

t.test('what arrives from a source that was replaced is overwritten', async (t) => {
  for (const kind of kinds) {
    const { clock, refresher, cache, sources, answer, brought, see } = start(t, kind)
    await clock.advance(10)
    const next = slowBackend(kind)
    const former = sources.get('p')
    sources.set('p', new Source('p', next.backend, clock, { random: () => 0.5 }))
    cache.apply({ rules: new Rules(rules), ...bounds })
    refresher.apply({ rules: new Rules(rules), sources: new Map(sources) })
    await answer()
    t.ok(brought.length === 2 && brought.every(isWiped), kind)
    await former?.close()
    await clock.advance(10)
    await next.answer()
    t.notOk(next.brought.some(isWiped))
    t.equal(see('a'), 'fresh CANARY-a')
  }
})

t.test(
  'a key that is asked for twice in one call brings two values, each overwritten by itself',
  async (t) => {
    const { clock, refresher, cache, sources, answer, see } = start(t, 'batch')
    // The unit goes while its batch waits for others, and another takes its place and joins the same batch.
    for (const each of [[ruleOf('b')], rules]) {
      cache.apply({ rules: new Rules(each), ...bounds })
      refresher.apply({ rules: new Rules(each), sources })
    }
    await clock.advance(10)
    await answer()
    t.same([see('a'), see('b')], ['fresh CANARY-a', 'fresh CANARY-b'])
  },
)
