import type { Access } from '../../../src/access/access.ts'
import type { Caller, Right } from '../../../src/access/caller.ts'
import { callerWith } from '../../../src/access/settings.ts'
import type { VirtualClock } from '../../support/virtual-clock.ts'

export interface KnownCaller {
  /** All of them, unless told else. */
  readonly rights?: readonly Right[]
  /** Names and patterns; without it: every secret. */
  readonly allow?: readonly string[]
}

/** A listener's callers, each with one token, which a test can void. */
export class KnownCallers implements Access {
  readonly wants = 'token'
  readonly anyone = callerWith(undefined, 'test', { rights: [], allow: [], limit: undefined })
  readonly #byToken = new Map<string, Caller>()

  constructor(callers: Readonly<Record<string, KnownCaller>>) {
    for (const [name, caller] of Object.entries(callers)) this.let(name, caller)
  }

  /** Lets somebody in, with the token that `as` sends; whoever had that name before is over. */
  let(name: string, { rights = ['read', 'list', 'refresh', 'watch'], allow }: KnownCaller): void {
    this.void(name)
    this.#byToken.set(tokenOf(name), callerWith(name, 'test', { rights, allow, limit: undefined }))
  }

  /** Voids a caller's token: what it was let in for ends. */
  void(name: string): void {
    const caller = this.#byToken.get(tokenOf(name))
    this.#byToken.delete(tokenOf(name))
    caller?.end()
  }

  identify(token: string): Caller | undefined {
    return this.#byToken.get(token)
  }
}

function tokenOf(name: string): string {
  return `CANARY-token-of-${name}-7c1f0e93b2a84d56`
}

/** The headers of a request that comes from a caller. */
export function as(name: string): { Authorization: string } {
  return { Authorization: `Bearer ${tokenOf(name)}` }
}

/** The answer to a token that is missing or wrong: it is held back for a while, which passes here. */
export async function heldBack<Answer>(
  { clock }: { readonly clock: Pick<VirtualClock, 'advance'> },
  asked: Promise<Answer>,
): Promise<Answer> {
  let isThere = false
  const answer = asked.finally(() => {
    isThere = true
  })
  while (!isThere) await clock.advance(100)
  return await answer
}
