/** What a login brings: with it, Secret Manager is asked. */
export interface Session {
  readonly token: string
  /** Milliseconds for which the token is accepted from now on. */
  readonly lifetimeMs: number
  /** Whose secrets those are whose keys name no project, where that is known. */
  readonly project: string | undefined
  readonly quotaProject: string | undefined
}

/** An access token, and the milliseconds for which it is accepted from now on. */
export type Token = Pick<Session, 'token' | 'lifetimeMs'>

/** A Bearer token (RFC 6750, section 2.1), read generously: anything else would end in a broken header. */
const tokenForm = /^[!-~]{1,16384}$/

/** A token as a server sent it; undefined for what is none. Without a lifetime it is good for one use. */
export function asToken(token: unknown, lifetimeMs: unknown): Token | undefined {
  if (typeof token !== 'string' || !tokenForm.test(token)) return undefined
  const isTime = typeof lifetimeMs === 'number' && Number.isFinite(lifetimeMs)
  return { token, lifetimeMs: isTime ? Math.max(lifetimeMs, 0) : 0 }
}
