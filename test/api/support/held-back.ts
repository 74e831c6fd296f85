import { settle } from '../../support/virtual-clock.ts'
import type { World } from './world.ts'

/** No answer to a failed token is held back for longer, in milliseconds. */
const longestDelay = 5_000

function failedTokens({ metrics }: Pick<World, 'metrics'>): number {
  return metrics.refusals.get('token_required') + metrics.refusals.get('token_invalid')
}

/**
 * The answer to a request whose token may fail: that is held back on the world's clock, which stands still otherwise.
 *
 * @param ms how far the clock goes once the token has failed
 */
export async function answered<T>(
  world: Pick<World, 'metrics' | 'clock'>,
  send: () => Promise<T>,
  ms = longestDelay,
): Promise<T> {
  const before = failedTokens(world)
  let isThere = false
  const answer = send().finally(() => {
    isThere = true
  })
  while (!isThere && failedTokens(world) === before) await settle()
  if (!isThere) await world.clock.advance(ms)
  return await answer
}
