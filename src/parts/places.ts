import { overlaps } from '../config/listen.ts'
import type { Config, ProxyConfig } from '../config/schema.ts'
import { CodedError } from '../errors.ts'
import type { ListenerPlace } from '../listener/open.ts'
import { describeListen } from '../listener/open.ts'
import type { Door } from './doors.ts'
import { doorsOf, protocolOf } from './doors.ts'
import type { Listener, Served } from './listener.ts'
import type { ServedApi } from './served-api.ts'

/** Where a configuration wants listeners. */
export function placesOf({ api, ops, proxy }: Config): {
  readonly api: readonly Door[]
  readonly ops: ListenerPlace | undefined
  readonly proxy: ListenerPlace | undefined
} {
  return {
    api: doorsOf(api),
    ops: ops && { name: 'ops', listen: ops.listen },
    proxy: proxy && proxyPlace(proxy),
  }
}

export function proxyPlace({ listen, tls }: ProxyConfig): ListenerPlace {
  return { name: 'proxy', listen, protocol: protocolOf(tls) }
}

/** Each address of a configuration with the listener that is there already, whichever of them it was before. */
export function pairsOf(
  before: readonly Listener<ServedApi>[],
  doors: readonly Door[],
): { readonly door: Door; readonly current: Listener<ServedApi> | undefined }[] {
  const rest = [...before]
  return doors.map((door) => {
    const at = rest.findIndex((listener) => listener.isAt(door.place))
    return { door, current: at < 0 ? undefined : rest.splice(at, 1)[0] }
  })
}

/**
 * What is being given up is open until the change is done: nothing else can listen there before.
 *
 * @throws SIDEKEEP_LISTEN_FAILED
 */
export function refuseOwn(
  open: readonly Listener<Served>[],
  { name, listen, protocol = 'http' }: ListenerPlace,
): void {
  for (const { place, bound } of open) {
    if (bound === undefined || !overlaps(bound, listen)) continue
    const what = `the sidecar itself listens there until the change is done (${place.name}.listen)`
    const remedy =
      (place.protocol ?? 'http') === protocol
        ? 'Choose a free address, or restart the sidecar.'
        : 'Whether it speaks HTTPS, and asks for client certificates, changes with a restart of the sidecar, or at another address.'
    throw new CodedError('SIDEKEEP_LISTEN_FAILED', [name, describeListen(listen, protocol), what, remedy])
  }
}
