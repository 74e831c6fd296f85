/** An answer that nobody foresaw must not end the process, and with it all that is held. */
import t from 'tap'
import type { Fetched, Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { SecretValue } from '../../src/secrets/secret.ts'
import { fetched } from '../support/heart-backend.ts'
import { createRig, minute, ruleOf } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

/** Breaks when it is looked at. */
const broken = (): Fetched => ({
  value: SecretValue.fromText('CANARY-broken'),
  get ttlMs(): number {
    throw new RangeError('CANARY-in-a-message of unknown origin')
  },
})

t.test(
  'what breaks while it is taken in is a failed fetch of its key, tried again with backoff',
  async (t) => {
    const clock = new VirtualClock()
    let answer = (): Fetched => fetched('CANARY-1')
    const backend: Provider = {
      fetch: async (keys) =>
        new Map(keys.map((key) => [key, key === 'bad' ? answer() : fetched('CANARY-well')])),
    }
    const { refresher, events, see } = createRig(t, {
      clock,
      backend,
      rules: [ruleOf('bad'), ruleOf('well')],
    })
    refresher.start()
    await settle()
    events.mayBreak = true
    answer = broken
    await clock.advance(1.5 * minute)
    t.match(see('bad'), / CANARY-1$/, 'what is held is served on')
    t.equal(see('well'), 'fresh CANARY-well')
    const [failed] = events.of('failed')
    t.match(failed, { secrets: ['bad'], error: { kind: 'unavailable', reason: 'internal' } })
    t.ok(failed?.error instanceof ProviderError)
    t.notMatch(failed?.error.message, 'CANARY-')
    t.equal(events.of('broke').length, events.of('failed').length, 'each is told once')
    t.notMatch(JSON.stringify(refresher.explain('bad')), 'CANARY-')
    answer = () => fetched('CANARY-2')
    await clock.advance(5 * minute)
    t.equal(see('bad'), 'fresh CANARY-2')
  },
)

t.test('of a list too, and a caller who forces it is answered', async (t) => {
  const clock = new VirtualClock()
  let item = (): Fetched => fetched('CANARY-1')
  const fetchAll = async () => new Map([['a', item()]])
  const backend: Provider = { fetch: fetchAll, fetchAll }
  const { refresher, events, see } = createRig(t, { clock, backend, rules: [ruleOf('a')] })
  refresher.start()
  await settle()
  events.mayBreak = true
  item = broken
  await clock.advance(2_000)
  const result = await refresher.refresh('a')
  t.notMatch(JSON.stringify(result), 'CANARY-')
  t.equal(events.of('broke').length, 1)
  t.equal(see('a'), 'fresh CANARY-1')
  item = () => fetched('CANARY-2')
  await clock.advance(2 * minute)
  t.equal(see('a'), 'fresh CANARY-2')
})
