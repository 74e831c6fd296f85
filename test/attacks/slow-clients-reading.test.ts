/** The attack: thousands of clients that ask and do not read what they are answered, alone and beside slow ones of all kinds. */
import { promisify } from 'node:util'
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { attack } from './support/flood.ts'

t.test('a crowd of readers that never read harms nobody', async (t) => {
  // Five MiB each, of which the system takes a part: a tenth of the attackers is work enough.
  const { world } = await attack(t, { kinds: ['never-reading'], valueSize: 5 * 2 ** 20, part: 1 / 10 })
  await world.clock.advance(60_000)
  const count = promisify(world.api.server.getConnections.bind(world.api.server))
  while ((await count()) > 0) await settle()
  t.pass('and they are cut when their time is up')
})

t.test('slow clients of all kinds at once harm nobody, and do not hold up a stop', async (t) => {
  const kinds = ['silent', 'idle', 'slow-head', 'slow-body', 'never-reading'] as const
  const { world } = await attack(t, { kinds, valueSize: 2 ** 18 })
  const started = performance.now()
  await world.api.close()
  t.ok(performance.now() - started < 5_000)
})
