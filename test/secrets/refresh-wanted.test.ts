import t from 'tap'
import { globOf } from '../../src/secrets/glob.ts'
import type { Answer, Listing } from '../support/heart-backend.ts'
import { fetched, ListBackend, unavailable } from '../support/heart-backend.ts'
import { createRig, minute, ruleOf } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const listing = (...keys: string[]): Map<string, Answer> =>
  new Map(keys.map((key) => [key, fetched(`CANARY-${key}`)]))

/** Two lists: one with secrets of the web, one with secrets of the workers, and each with a pattern. */
function start(t: Parameters<typeof createRig>[0], lists: { web: () => Listing; worker: () => Listing }) {
  const clock = new VirtualClock()
  const backends = {
    web: new ListBackend(clock, lists.web),
    worker: new ListBackend(clock, lists.worker),
  }
  const rules = [
    ruleOf('web/a', { provider: 'web', key: 'a' }),
    ruleOf('shared', { provider: 'web', key: 'shared' }),
    ruleOf('web/x/*', { provider: 'web', key: 'x*' }),
    ruleOf('worker/a', { provider: 'worker', key: 'a' }),
    ruleOf('worker/x/*', { provider: 'worker', key: 'x*' }),
  ]
  const rig = createRig(t, { clock, rules, backend: new Map(Object.entries(backends)) })
  rig.refresher.start()
  return { ...rig, backends }
}

const worker = () => listing('a', 'x1')

t.test(
  'what is wanted is refreshed and told of; a list of nothing that is wanted is not called',
  async (t) => {
    const { clock, refresher, backends } = start(t, { web: () => listing('a', 'shared', 'x1', 'x2'), worker })
    await clock.advance(minute)
    const before = backends.worker.calls.length
    const results = await refresher.refreshAll(globOf('web/*'))
    t.strictSame(
      results.map(({ name, result }) => `${name} ${result.outcome}`),
      ['web/a unchanged', 'web/x/1 unchanged', 'web/x/2 unchanged'],
    )
    t.equal(backends.worker.calls.length, before)
    t.strictSame(await refresher.refreshAll(globOf('nope')), [])
  },
)

t.test(
  'a list is called for a pattern that is wanted, also where none of its secrets is known yet',
  async (t) => {
    let list: Listing = listing('shared')
    const { clock, refresher } = start(t, { web: () => list, worker })
    await clock.advance(minute)
    list = listing('shared', 'x1')
    const results = await refresher.refreshAll(globOf('web/x/*'))
    t.match(results, [{ name: 'web/x/1', result: { outcome: 'rotated' } }])
  },
)

t.test('a pattern stands for the secrets of a list that fails only for whom it is meant', async (t) => {
  let fails = false
  const web = (): Listing => {
    if (fails) throw unavailable()
    return listing('a', 'shared', 'x1')
  }
  const { clock, refresher } = start(t, { web, worker })
  await clock.advance(0)
  fails = true
  await clock.advance(2_000)
  const named = async (wanted: string) =>
    (await refresher.refreshAll(globOf(wanted))).map(({ name, result }) => `${name} ${result.outcome}`)
  t.strictSame(await named('shared'), ['shared failed'])
  t.strictSame(await named('web/x/*'), ['web/x/* failed', 'web/x/1 failed'])
})
