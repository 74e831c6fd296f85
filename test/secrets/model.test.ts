import t from 'tap'
import { longestRecovery } from '../../src/secrets/backoff.ts'
import type { Random } from '../../src/secrets/clock.ts'
import type { Behaviour } from '../support/heart-model.ts'
import { ModelBackend } from '../support/heart-model.ts'
import { createRig, minute, ruleOf, second } from '../support/heart-rig.ts'
import fc from '../support/property.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const times = { refreshMs: 10 * second, maxStaleMs: minute }
const declared = [ruleOf('a', times), ruleOf('b', times)]
const rules = [...declared, ruleOf('x/*', times)]
const patternName = 'x/1'
const longestRetryAfter = 30 * second
const longestLatency = 50 * second
/** After this a call that hangs is given up. */
const callDeadline = 6 * minute
/** Between two probes of a breaker that opened for a credential that is denied; the longest there are. */
const longestProbeGap = 10 * minute
const limits = { maxCallsPerSecond: 5, maxConcurrentCalls: 2 }

const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.constantFrom<Behaviour>(
    { kind: 'same' },
    { kind: 'new' },
    { kind: 'missing' },
    { kind: 'denied' },
    { kind: 'unavailable' },
    { kind: 'never' },
  ),
  fc.record({
    kind: fc.constant<'throttled'>('throttled'),
    retryAfterMs: fc.integer({ min: 0, max: longestRetryAfter }),
  }),
  fc.record({
    kind: fc.constant<'leased'>('leased'),
    durationMs: fc.constantFrom(0, 900, 5 * second, 30 * second, 5 * minute),
    renewable: fc.boolean(),
  }),
)

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant<'behave'>('behave'), behaviour }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant<'slow'>('slow'),
      ms: fc.constantFrom(0, 0, 10, second, 9 * second, longestLatency),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant<'wait'>('wait'),
      ms: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 2 * minute })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant<'force'>('force'), name: fc.constantFrom('a', 'b', patternName) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant<'demand'>('demand'), waitMs: fc.integer({ min: 1, max: 5_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant<'reject'>('reject'),
      name: fc.constantFrom('a', 'b', patternName),
      isHeld: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant<'suspend'>('suspend'),
      ms: fc.constantFrom(second, 20 * second, 10 * minute),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant<'jump'>('jump'), ms: fc.integer({ min: -1e9, max: 1e9 }) }),
  },
)

function lcg(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

t.test(
  'whatever the backend does, callers are told what the table says, and the backend is left in peace',
  async (t) => {
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer(),
      async (steps, seed) => {
        const clock = new VirtualClock()
        const backend = new ModelBackend(clock, limits)
        const ends: (() => void | Promise<void>)[] = []
        const teardown = (end: () => void | Promise<void>): void => void ends.push(end)
        const { refresher, cache, see } = createRig(
          { teardown },
          { clock, backend, rules, random: lcg(seed), limits },
        )

        const check = (when: string): void => {
          for (const rule of declared) {
            const expected = backend.expected(rule.key, rule)
            if (see(rule.name) !== expected)
              throw new Error(`${when}: ${rule.name} is ${see(rule.name)}, not ${expected}`)
          }
          const told = see(patternName)
          const expected = backend.expected(patternName, { ...ruleOf(patternName), ...times })
          const holds = backend.account(patternName).held !== undefined
          if (holds ? told !== expected : /^(fresh|stale|expired)/.test(told)) {
            throw new Error(`${when}: ${patternName} is ${told}, not ${expected}`)
          }
          for (const key of ['a', 'b', patternName]) {
            const { offences, mostUnderWay } = backend.account(key)
            if (offences.length > 0 || mostUnderWay > 1)
              throw new Error(`${when}: ${key}: ${mostUnderWay} ${offences}`)
          }
        }

        refresher.start()
        await settle()
        for (const [at, each] of steps.entries()) {
          if (each.do === 'behave') backend.behaviour = each.behaviour
          else if (each.do === 'slow') backend.latencyMs = each.ms
          else if (each.do === 'jump') clock.jumpWall(each.ms)
          else if (each.do === 'wait') await clock.advance(each.ms)
          else if (each.do === 'suspend') clock.suspend(each.ms)
          else {
            backend.callers += 1
            const version = each.do === 'reject' && each.isHeld ? cache.status(each.name)?.version : undefined
            const asked =
              each.do === 'force'
                ? refresher.refresh(each.name)
                : each.do === 'reject'
                  ? refresher.rejected(each.name, version ?? 'v0')
                  : refresher.demand(patternName, each.waitMs)
            void asked.finally(() => {
              backend.callers -= 1
            })
            await settle()
          }
          check(`step ${at}, ${JSON.stringify(each)}`)
        }

        // A healthy backend is reached again: what hangs is given up in time, then the longest wait is over.
        backend.behaviour = { kind: 'new' }
        backend.latencyMs = 0
        await clock.advance(
          callDeadline + longestRetryAfter + longestRecovery(times.refreshMs, longestProbeGap),
        )
        check('recovered')
        for (const { name } of declared)
          if (!see(name).startsWith('fresh')) throw new Error(`${name} is ${see(name)}`)
        // And from then on it is asked at the pace of the interval, no more.
        const before = backend.account('a').calls
        await clock.advance(10 * minute)
        const calls = backend.account('a').calls - before
        if (calls < 60 || calls > 76) throw new Error(`${calls} calls in ten minutes`)
        check('steady')
        for (const end of ends) await end()
      },
    )
    await fc.assert(property, { numRuns: 150, includeErrorInReport: true })
    t.pass('for 150 random histories')
  },
)
