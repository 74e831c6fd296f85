/** The attack: thousands of clients that take their time with what they ask (Slowloris, R-U-Dead-Yet), to hold what they have. */
import t from 'tap'
import type { World } from '../api/support/world.ts'
import { attack } from './support/flood.ts'

/** So that a test need not last as long as callers are given. */
function hurry({ api }: World): void {
  api.server.headersTimeout = 2_000
  api.server.requestTimeout = 2_000
}

t.test('thousands of requests whose headers come a byte a second are cut, and harm nobody', async (t) => {
  const { flood, attackers } = await attack(t, { kinds: ['slow-head'], prepare: hurry })
  await flood.until(({ cut }) => cut >= attackers)
})

t.test('thousands of requests whose bodies never come are cut, and harm nobody', async (t) => {
  const { flood, attackers } = await attack(t, { kinds: ['slow-body'], prepare: hurry })
  await flood.until(({ cut }) => cut >= attackers)
})
