import { pino } from 'pino'
import type { Test } from 'tap'
import t from 'tap'
import { Heart } from '../../src/parts/heart.ts'
import { Sources } from '../../src/parts/sources.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import { parse } from '../config/helpers.ts'
import { denied, fetched } from '../support/heart-backend.ts'
import { second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** When the heart says that readiness may have changed, and whether it had. */
async function readiness(t: Pick<Test, 'teardown'>, provider: Provider, secrets: string) {
  const { config } = await parse(`providers:\n  p: { type: env, prefix: P_ }\nsecrets: ${secrets}\n`)
  const clock = new VirtualClock()
  const log = pino({ level: 'silent' })
  const makeProvider = async () => provider
  const sources = await Sources.create(config.providers, { makeProvider, clock, random: () => 0.5, log })
  const heart = new Heart({ config, sources, version: '0', log, clock, random: () => 0.5 })
  t.teardown(async () => {
    await heart.stop()
    heart.close()
  })
  const seen: boolean[] = []
  heart.onCalled = () => seen.push(heart.cache.loadedRequired)
  heart.refresher.start()
  await clock.advance(second)
  return seen
}

t.test('it is told when the last of a batch makes everything required held', async (t) => {
  const fetch = async (keys: readonly string[]) => new Map(keys.map((key) => [key, fetched(`CANARY-${key}`)]))
  const rules = '{ a: { provider: p, required: true }, b: { provider: p, required: true } }'
  const seen = await readiness(t, { batchSize: 10, fetch }, rules)
  t.equal(seen[0], false)
  t.equal(seen.at(-1), true)
})

t.test('and when the last of what a required pattern lists turns out to be denied', async (t) => {
  const provider: Provider = {
    batchSize: 10,
    listKeys: async () => ['x/1', 'x/2'],
    fetch: async (keys) => new Map(keys.map((key) => [key, key === 'x/2' ? denied() : fetched('CANARY-1')])),
  }
  const seen = await readiness(t, provider, '{ "x/*": { provider: p, required: true } }')
  t.equal(seen[0], false, 'the list has come, and nothing of it')
  t.equal(seen.at(-1), true)
})
