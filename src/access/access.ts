import type { Caller } from './caller.ts'

/** Who may ask one listener. What it says may change from one request to the next. */
export interface Access {
  /** `token`: one of a caller. `header`: X-Sidekeep-Request. `nothing`: whoever can connect is let in. */
  readonly wants: 'token' | 'header' | 'nothing'
  /** Whose token it is; undefined where it is nobody's. In the same time whatever it is like. */
  identify(token: string): Caller | undefined
  /** Whom the requests come from where no token is wanted. */
  readonly anyone: Caller
}
