import type { Token } from './token.ts'

/** Where tokens come from. Rejections are ProviderErrors. */
export interface Session {
  /** The token to use now. */
  token(signal: AbortSignal): Promise<Token>
  /**
   * A request with this token was answered 403: another token to try it with once more; `denied` where the token is good
   * and it is its policies that do not permit it; `dead` where it is not, and there is no other. Rejects where none could
   * be had.
   */
  refused(token: Token, signal: AbortSignal): Promise<Token | 'denied' | 'dead'>
  /** What became of a dead token and what to do, in words for a message. */
  describeDead(token: Token): string
  /** What was tried with the token that `refused` gave is answered 403 as well. */
  refusedAgain(token: Token): Promise<void>
  /** Whether it is the one that is used now. */
  isCurrent(token: Token): boolean
  /** Called when a token is over, or will be before long, and another has taken its place. */
  onReplaced: (former: Token) => void
  /** Tokens that were logged in for and may be alive still: they are ours to revoke. */
  readonly owned: Iterable<Token>
  /** Ends what is under way and all timers. */
  close(): void
}
