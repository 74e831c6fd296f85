/** The attack: somebody opens thousands of connections and does nothing on them, until nobody else finds one. */
import t from 'tap'
import { attack } from './support/flood.ts'

t.test('thousands of connections on which nothing is ever said harm nobody', async (t) => {
  await attack(t, { kinds: ['silent'] })
})

t.test('thousands of connections that are kept after one request harm nobody', async (t) => {
  await attack(t, { kinds: ['idle'] })
})

t.test('nor do those that come back whenever they are cut', async (t) => {
  // They keep the processor busy with connections alone, however few they are.
  const { world } = await attack(t, { kinds: ['silent', 'idle'], comesBack: true, part: 1 / 10 })
  const started = performance.now()
  await world.api.close()
  t.ok(performance.now() - started < 5_000, 'and the stop ends in order under them')
})
