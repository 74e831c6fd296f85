import type { Listen } from './listen.ts'
import type { Path } from './problems.ts'
import type { CallerConfig, Config, TlsConfig } from './schema.ts'

/** A listener of the API, with what decides who may ask there: the main one and the further ones in the same words. */
export interface Door {
  /** `['api']`, or `['api', 'listeners', 0]`. */
  readonly path: Path
  readonly listen: Listen
  readonly callers: Readonly<Record<string, CallerConfig>> | undefined
  /** What a further listener without callers serves. */
  readonly allow: readonly string[] | undefined
  readonly access: 'header' | 'open'
  readonly tls: TlsConfig | undefined
  /** Permissions of a Unix socket. */
  readonly mode: number
  /** What the options of a Unix socket are called here. */
  readonly socketOptions: { readonly mode: string; readonly owner: string; readonly group: string }
}

export interface NamedCaller {
  readonly name: string
  readonly path: Path
  readonly caller: CallerConfig
}

export function doorsOf({ api }: Config): Door[] {
  const main: Door = {
    path: ['api'],
    listen: api.listen,
    callers: api.callers,
    allow: undefined,
    access: api.access,
    tls: api.tls,
    mode: api.socketMode,
    socketOptions: { mode: 'socketMode', owner: 'socketOwner', group: 'socketGroup' },
  }
  const further = api.listeners.map(
    (listener, index): Door => ({
      path: ['api', 'listeners', index],
      listen: listener.listen,
      callers: listener.callers,
      allow: listener.allow,
      access: listener.access,
      tls: listener.tls,
      mode: listener.mode,
      socketOptions: { mode: 'mode', owner: 'owner', group: 'group' },
    }),
  )
  return [main, ...further]
}

/** The callers of a listener, in the order of the configuration. */
export function callersOf({ path, callers = {} }: Door): NamedCaller[] {
  return Object.entries(callers).map(([name, caller]) => ({ name, path: [...path, 'callers', name], caller }))
}
