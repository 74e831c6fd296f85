import { isDeepStrictEqual } from 'node:util'
import type { CallerConfig, Config, DoorConfig } from '../config/schema.ts'
import { anyOf } from '../secrets/glob.ts'
import type { Right } from './caller.ts'
import { Caller } from './caller.ts'

/** Who may ask one listener, and for what, as far as the configuration says it. */
export interface AccessConfig {
  /** By name; undefined: nobody is told apart. */
  readonly callers: Readonly<Record<string, CallerConfig>> | undefined
  /** What holds for whoever can connect, where there are no callers. */
  readonly anyone: Settings
  /** Whether X-Sidekeep-Request is wanted where there are no callers. */
  readonly access: 'header' | 'open'
  /** The limit of callers that have none of their own, in requests a second. */
  readonly limit: number | undefined
}

/** What somebody may do. */
export interface Settings {
  readonly rights: readonly Right[]
  /** Names and patterns of the secrets; undefined: all. */
  readonly allow: readonly string[] | undefined
  /** In requests a second. */
  readonly limit: number | undefined
}

/**
 * Without callers nobody is told apart, and whoever can connect may have every secret. `control` is not among this: what
 * asks for secrets gets them and takes nothing from the others, while whoever ends the sidecar ends it for all of them.
 */
const allOfSecrets: readonly Right[] = ['read', 'list', 'refresh', 'watch']

/** Of the main listener (`api`). */
export function mainAccess({ callers, access, limit }: Config['api']): AccessConfig {
  return { callers, access, limit, anyone: { rights: allOfSecrets, allow: undefined, limit } }
}

/** Of a further listener (`api.listeners`). Where it says nothing of a limit, that of `api` holds. */
export function doorAccess(
  { callers, access, allow, rights, limit }: DoorConfig,
  api: Pick<Config['api'], 'limit'>,
): AccessConfig {
  const most = limit ?? api.limit
  return { callers, access, limit: most, anyone: { rights, allow, limit: most } }
}

export function settingsOf(caller: CallerConfig, { limit }: Pick<AccessConfig, 'limit'>): Settings {
  return { rights: caller.rights, allow: caller.allow, limit: caller.limit ?? limit }
}

/** Whether both may do the same; how often is another matter. */
export function mayDoTheSame(a: Settings, b: Settings): boolean {
  return isDeepStrictEqual(plain(a), plain(b))
}

/** In which order rights and names are written says nothing. */
function plain({ rights, allow }: Settings) {
  return { rights: [...new Set(rights)].sort(), allow: allow && [...new Set(allow)].sort() }
}

export function callerWith(name: string | undefined, listener: string, settings: Settings): Caller {
  const { rights, allow, limit } = settings
  // `*` is every name: such a caller may see what speaks of all secrets, as /metrics does.
  const allows = allow === undefined || allow.includes('*') ? undefined : anyOf(allow)
  return new Caller({ name, listener, rights, allows, limit })
}
