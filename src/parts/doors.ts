import type { AccessConfig } from '../access/settings.ts'
import { doorAccess, mainAccess } from '../access/settings.ts'
import type { Config } from '../config/schema.ts'
import type { ListenerPlace, Protocol, SocketRules } from '../listener/open.ts'
import type { TlsPlaces } from '../tls/place.ts'

/** An address at which the API is served: where it is, who may ask there, and with which certificate. */
export interface Door {
  readonly place: ListenerPlace
  readonly access: AccessConfig
  /** Undefined: plain HTTP. */
  readonly tls: TlsPlaces | undefined
}

/** The addresses of the API: the main one first, then the further ones in the order of the configuration. */
export function doorsOf(api: Config['api']): readonly [Door, ...Door[]] {
  const { listen, tls, socketMode: mode, socketOwner: owner, socketGroup: group } = api
  const sharedFolder = api.allowSharedDirectory
  const main = {
    place: placeOf('api', listen, { mode, owner, group, sharedFolder }, tls),
    access: mainAccess(api),
    tls,
  }
  const further = api.listeners.map((door, index) => {
    const { mode, owner, group } = door
    return {
      place: placeOf(`api.listeners[${index}]`, door.listen, { mode, owner, group, sharedFolder }, door.tls),
      access: doorAccess(door, api),
      tls: door.tls,
    }
  })
  return [main, ...further]
}

function placeOf(
  name: string,
  listen: ListenerPlace['listen'],
  socket: SocketRules,
  tls: TlsPlaces | undefined,
): ListenerPlace {
  return { name, listen, protocol: protocolOf(tls), socket, staysHere: true }
}

/** What is spoken where TLS is served with this. */
export function protocolOf(tls: TlsPlaces | undefined): Protocol {
  if (tls === undefined) return 'http'
  return tls.clientCa === undefined ? 'https' : 'mutual'
}
