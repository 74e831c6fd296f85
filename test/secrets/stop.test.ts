import t from 'tap'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, unavailable, WatchedBackend } from '../support/heart-backend.ts'
import { createRig, day, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

async function start(
  test: Parameters<typeof createRig>[0],
  answer: (key: string) => Answer | Promise<Answer>,
) {
  const clock = new VirtualClock()
  const backend = new WatchedBackend(clock, answer)
  const rules = [ruleOf('db'), ruleOf('app/*', { key: 'kv/*' })]
  const rig = createRig(test, { clock, backend, rules })
  rig.refresher.start()
  await settle()
  return { ...rig, backend }
}

t.test('nothing is called after the stop, whoever wants it', async (t) => {
  const { clock, backend, refresher, events } = await start(t, () => fetched('CANARY-1'))
  await refresher.demand('app/token', second)
  refresher.stop()
  const calls = backend.calls.length
  events.clear()
  backend.changed()
  backend.fail(unavailable())
  await clock.advance(minute)
  t.match(await refresher.demand('app/other', second), { kind: 'not-loaded' })
  t.match(await refresher.refresh('db'), { outcome: 'failed', error: { reason: 'aborted' } })
  t.match(await refresher.refresh('app/other'), { outcome: 'failed', error: { reason: 'aborted' } })
  for (const { result } of await refresher.refreshAll()) t.match(result, { outcome: 'failed' })
  await clock.advance(day)
  t.equal(backend.calls.length, calls)
  t.equal(backend.watches.length, 1)
  t.same(events.of('failed'), [], 'and nothing looks like a failure')
})

t.test('what is held is served on while callers may still need it', async (t) => {
  const { clock, refresher, see } = await start(t, () => fetched('CANARY-1'))
  refresher.stop()
  await clock.advance(minute)
  t.equal(see('db'), 'fresh CANARY-1')
})

t.test('what is under way is aborted, ends at once, and its late answer is for nobody', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const { clock, backend, refresher, stop, events, cache } = await start(t, () => promise)
  const waiting = refresher.demand('app/token', minute)
  const forced = refresher.refresh('db')
  await settle()
  t.equal(backend.calls.length, 2)
  await stop()
  t.match(await waiting, { kind: 'not-loaded' })
  t.match(await forced, { outcome: 'failed' })
  for (const { signal } of backend.calls) t.ok(signal.aborted)
  resolve(fetched('CANARY-late'))
  await clock.advance(day)
  t.equal(cache.read('db').kind, 'not-loaded')
  t.same(events.all, [])
  t.equal(clock.pending, 0, 'no timer is left')
  t.equal(backend.closed, 1)
})

t.test('a closed cache has overwritten every value and everything that was rendered of it', async (t) => {
  const { cache, refresher, stop, see } = await start(t, (key) => fetched(`{"key":"CANARY-${key}"}`))
  await refresher.demand('app/token', second)
  const bytes: Buffer[] = []
  for (const name of ['db', 'app/token']) {
    const reading = cache.read(name)
    if (reading.kind !== 'held') throw new Error(`${name} is ${reading.kind}`)
    bytes.push(reading.secret.reveal())
    for (const form of ['json', 'raw'] as const) {
      for (const field of [undefined, 'key']) {
        const made = reading.rendition.represent(form, 'fresh', field)
        if (made === undefined) throw new Error('no representation')
        bytes.push(made.reveal())
      }
    }
  }
  for (const body of bytes) t.match(body.toString(), 'CANARY-')
  await stop()
  for (const body of bytes) t.ok(body.every((byte) => byte === 0))
  t.equal(see('db'), 'not-loaded')
  t.equal(cache.stats().entries, 0)
})

t.test('a stop in the middle of the start is clean', async (t) => {
  const clock = new VirtualClock()
  const backend = new WatchedBackend(clock, () => fetched('CANARY-1'))
  const rules = Array.from({ length: 100 }, (_, at) => ruleOf(`s${at}`))
  const { refresher, stop, events } = createRig(t, { clock, backend, rules })
  refresher.start()
  await stop()
  await clock.advance(day)
  t.ok(backend.calls.length <= 8)
  t.same(events.all, [])
  t.equal(clock.pending, 0)
})

t.test('whoever waits for a second call within a second hears of the stop at once', async (t) => {
  const { clock, refresher, cache, stop } = await start(t, () => fetched('CANARY-1'))
  await clock.advance(100)
  const reported = refresher.rejected('db', cache.status('db')?.version ?? '')
  await clock.advance(500)
  await stop()
  t.match(await reported, { outcome: 'failed', error: { reason: 'aborted' } })
  t.equal(clock.pending, 0, 'and nothing is left to wait for')
})
