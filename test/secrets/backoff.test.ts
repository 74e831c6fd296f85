import t from 'tap'
import { backoffDelay, firstRefreshDelay } from '../../src/secrets/backoff.ts'
import { day, hour, minute, second } from '../support/heart-rig.ts'

t.test('the backoff has full jitter, doubles from 1 s and ends at the interval or five minutes', (t) => {
  const most = 1 - 2 ** -53
  const ceilings = (refreshMs: number): number[] =>
    Array.from({ length: 12 }, (_, at) => Math.round(backoffDelay(at + 1, refreshMs, undefined, () => most)))
  t.same(
    ceilings(day).slice(0, 9),
    [1, 2, 4, 8, 16, 32, 64, 128, 256].map((s) => s * second),
  )
  t.same(ceilings(day).slice(9), [5 * minute, 5 * minute, 5 * minute])
  t.same(
    ceilings(10 * second).slice(3),
    Array(9)
      .fill(10 * second)
      .fill(8 * second, 0, 1),
  )
  t.equal(
    backoffDelay(2_000, day, undefined, () => most) <= 5 * minute,
    true,
    'no overflow after many attempts',
  )
  t.equal(
    backoffDelay(9, day, undefined, () => 0.25),
    64 * second,
    'anything up to the ceiling',
  )
  t.equal(
    backoffDelay(9, day, undefined, () => 0),
    100,
    'but never at once',
  )
  t.end()
})

t.test('a Retry-After is honoured up to an hour, and never shortens the backoff', (t) => {
  const random = () => 0.5
  t.equal(backoffDelay(1, minute, 30 * second, random), 30 * second)
  t.equal(backoffDelay(1, minute, 365 * day, random), hour)
  t.equal(backoffDelay(7, day, second, random), 32 * second)
  t.equal(backoffDelay(1, minute, 0, random), 500)
  t.end()
})

t.test('a refresh that comes anywhere in an interval still leaves the backend a pause', (t) => {
  const drawsNothing = (): number => 0
  t.equal(firstRefreshDelay(60_000, drawsNothing), 1_080)
  // A provider's ttl of a second, and a quarter of a short interval where answers take longer than it.
  for (const intervalMs of [250, 1_000, 2_500]) t.ok(firstRefreshDelay(intervalMs, drawsNothing) >= 100)
  t.end()
})
