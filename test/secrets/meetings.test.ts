import t from 'tap'
import { Meetings } from '../../src/secrets/meetings.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import fc from '../support/property.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const sourceOf = (batchSize: number) => ({ batch: { batchSize } })

t.test('who comes a little later than others comes with them, as long as a call has room', async (t) => {
  const meetings = new Meetings()
  const source = sourceOf(3)
  t.equal(meetings.near(source, 0, 1_000), 1_000)
  t.equal(meetings.near(source, 0, 1_050), 1_000)
  t.equal(meetings.near(source, 0, 1_200), 1_200, 'more than a tenth of its wait sooner is too soon')
  t.equal(meetings.near(source, 0, 990), 990, 'nobody comes later than by itself')
  t.equal(meetings.near(source, 0, 1_010), 1_000, 'the latest of those that are near enough')
  t.equal(meetings.near(source, 0, 1_010), 990, 'the third was the last that the call had room for')
  t.equal(meetings.near(source, 1_100, 1_210), 1_200, 'what is past is no time to meet')
  t.equal(meetings.near(sourceOf(3), 0, 1_050), 1_050, 'another source has calls of its own')
  t.equal(meetings.near({ batch: undefined }, 0, 1_050), 1_050)
})

t.test('nobody comes later, nor more than a tenth of the wait sooner, and no call is overfull', async () => {
  const wait = fc.integer({ min: 1, max: 10_000 })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), wait)),
      fc.integer({ min: 2, max: 5 }),
      (plans, size) => {
        const meetings = new Meetings()
        const source = sourceOf(size)
        const taken = new Map<number, number>()
        let now = 0
        for (const [passed, waitMs] of plans) {
          now += passed
          const at = meetings.near(source, now, now + waitMs)
          if (at > now + waitMs || at < now + waitMs * 0.9 - 1e-6) return false
          if (at === now + waitMs) continue
          taken.set(at, (taken.get(at) ?? 1) + 1)
          if ((taken.get(at) ?? 0) > size) return false
        }
        return true
      },
    ),
  )
})

t.test('secrets of one batch that an outage has parted come together again', async (t) => {
  const clock = new VirtualClock()
  const names = Array.from({ length: 40 }, (_, at) => `app/s${at}`)
  let isDown = false
  let calls = 0
  const backend: Provider = {
    batchSize: 10,
    async fetch(keys) {
      calls += 1
      return new Map(
        keys.map((key): [string, Answer] => [key, isDown ? unavailable() : fetched(`CANARY-${key}`)]),
      )
    },
  }
  let seed = 7
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const rules = names.map((name) => ruleOf(name, { refreshMs: 5 * minute, maxStaleMs: 24 * hour }))
  const { refresher } = createRig(t, { clock, backend, rules, random })
  refresher.start()
  await settle()
  const callsIn = async (ms: number): Promise<number> => {
    const before = calls
    for (let passed = 0; passed < ms; passed += second) await clock.advance(second)
    return calls - before
  }
  const healthy = await callsIn(hour)
  isDown = true
  await callsIn(10 * minute)
  isDown = false
  await callsIn(2 * hour)
  const after = await callsIn(hour)
  t.ok(after <= healthy * 1.5, `${healthy} calls an hour before, ${after} after it`)
})
