import type { VaultProviderConfig } from '../../config/schema.ts'
import { type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { withDeadline } from '../shared/http/deadline.ts'
import { inParallel } from '../shared/parallel.ts'
import { VaultClient, type VaultRequest } from './client.ts'
import type { HandedOut } from './handed-out.ts'
import type { Session } from './session.ts'

/** Milliseconds for all of it: a stop waits for it. */
const longest = 5_000
const atOnce = 8

/**
 * Gives back what was handed out. A token that was logged in for takes its leases along; on any other, each lease is
 * revoked by itself. What could not be revoked ends by itself, and is only told of.
 */
export async function revokeAll(
  config: VaultProviderConfig,
  context: ProviderContext,
  { session, handedOut }: { readonly session: Session; readonly handedOut: HandedOut },
): Promise<void> {
  const requests = requestsFor(context.clock.now(), session, handedOut)
  if (requests.length === 0) return
  // The provider's own has ended all that was under way, and takes nothing new.
  const client = new VaultClient(config, context)
  let done = 0
  const failure = (): ProviderError => new ProviderError('unavailable', 'timeout', 'revoking took too long')
  try {
    await withDeadline(
      {
        clock: context.clock,
        timeout: longest,
        signal: new AbortController().signal,
        onTimeout: failure,
        onAbort: failure,
      },
      (signal) =>
        inParallel(requests, atOnce, async (request) => {
          const reply = await client.send(request, signal).catch(() => undefined)
          if (reply?.isSuccess === true) done++
        }),
    )
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
  } finally {
    await client.close()
  }
  const left = requests.length - done
  if (left === 0) return
  context.warn(
    `${left} of ${requests.length} leases and tokens were not revoked within ${longest} ms, and end by themselves: a token that is not logged in for needs a policy with path "sys/leases/revoke" { capabilities = ["update"] }.`,
  )
}

function requestsFor(now: number, session: Session, handedOut: HandedOut): VaultRequest[] {
  const tokens = new Set([...session.owned].filter((token) => token.isRevocable && !token.isOver(now)))
  return [
    ...handedOut
      .all()
      .filter(([, { token }]) => !tokens.has(token) && !token.isOver(now))
      .map(
        ([id, { token }]): VaultRequest => ({
          method: 'POST',
          path: 'sys/leases/revoke',
          json: { lease_id: id },
          token: token.reveal(),
        }),
      ),
    ...[...tokens].map(
      (token): VaultRequest => ({ method: 'POST', path: 'auth/token/revoke-self', token: token.reveal() }),
    ),
  ]
}
