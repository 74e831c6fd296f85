import t from 'tap'
import type { Random } from '../../src/secrets/clock.ts'
import { Rules } from '../../src/secrets/rules.ts'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, missing, throttled, unavailable, WatchedBackend } from '../support/heart-backend.ts'
import { createRig, day, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const secrets = 300
const interval = 10 * minute
const good = (): Answer => fetched('CANARY-1')

function lcg(seed: number): Random {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

const rulesOf = (refreshMs: number) =>
  Array.from({ length: secrets }, (_, at) => ruleOf(`s${at}`, { refreshMs, maxStaleMs: 30 * day }))

function start(test: Parameters<typeof createRig>[0], seed: number) {
  const clock = new VirtualClock()
  const backend = new WatchedBackend(clock, good)
  const rig = createRig(test, { clock, backend, rules: rulesOf(interval), random: lcg(seed) })
  rig.refresher.start()
  return { ...rig, backend }
}

type Started = ReturnType<typeof start>

/** What calls many secrets, or many sidecars, in one stretch of time that is far shorter than an interval. */
const disturbances: Readonly<Record<string, (rig: Started) => Promise<unknown>>> = {
  'an outage': async (rig) => await answeringFor(rig, unavailable, 30 * minute),
  'throttling for a while': async (rig) => await answeringFor(rig, () => throttled(minute), 10 * minute),
  'being missing': async (rig) => await answeringFor(rig, missing, 30 * minute),
  'a forced refresh of all': async ({ refresher, clock }) => {
    const done = refresher.refreshAll()
    await clock.advance(10 * second)
    await done
  },
  'a pushed change': async ({ backend, clock }) => {
    backend.changed()
    await clock.advance(10 * second)
  },
  'a suspension': async ({ clock }) => {
    clock.suspend(2 * interval)
    await clock.advance(10 * second)
  },
  'a longer interval from now on': async (rig) => {
    await apply(rig, interval / 10)
    await rig.clock.advance(interval)
    await apply(rig, interval)
  },
  'a shorter interval from now on': async (rig) => {
    await apply(rig, 10 * interval)
    await rig.clock.advance(10 * interval)
    await apply(rig, interval)
    await rig.clock.advance(150 * second)
  },
}

async function answeringFor({ backend, clock }: Started, answer: () => Answer, ms: number): Promise<void> {
  backend.answer = answer
  await clock.advance(ms)
  backend.answer = good
  // The last has been called again by then.
  await clock.advance(5 * minute)
}

async function apply({ cache, refresher, sources }: Started, refreshMs: number): Promise<void> {
  const rules = new Rules(rulesOf(refreshMs))
  cache.apply({ rules, maxEntries: 1, maxBytes: 1, missingTtlMs: second })
  refresher.apply({ rules, sources })
}

for (const [what, disturb] of Object.entries(disturbances)) {
  t.test(`an interval after ${what} the secrets are out of step again`, async (t) => {
    for (const seed of [1, 2, 3]) {
      const rig = start(t, seed)
      await rig.clock.advance(3 * interval)
      await disturb(rig)
      await rig.clock.advance(0.9 * interval)
      const share = Array<number>(6).fill(0)
      const since = rig.clock.now()
      rig.backend.calls.length = 0
      await rig.clock.advance(0.9 * interval)
      for (const at of rig.backend.times) {
        const sixth = Math.min(5, Math.floor(((at - since) / (0.9 * interval)) * 6))
        share[sixth] = (share[sixth] ?? 0) + 1
      }
      const most = Math.max(...share) / (rig.backend.calls.length / 6)
      t.ok(most < 1.5, `the busiest sixth of the interval has ${most.toFixed(2)} × the mean: ${share}`)
      await rig.stop()
    }
  })
}
