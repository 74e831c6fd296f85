import type { Access } from '../../access/access.ts'
import type { Connections } from '../connections.ts'
import type { ApiConfig } from '../ports.ts'
import type { Check, LastCheck } from './check.ts'
import { sameSite } from './cross-site.ts'
import { notForwarded } from './forwarded.ts'
import { hostAllowed, oneHost } from './host.ts'
import { identified } from './identity.ts'
import { knownMethod } from './methods.ts'
import { permitted, withinRate } from './permission.ts'
import { withinBody, withinConnections, withinUrl } from './size.ts'
import type { Slowing } from './slowing.ts'

export interface DoorDeps {
  readonly config: Pick<ApiConfig, 'hosts'>
  readonly access: Access
  readonly connections: Connections
  readonly slowing: Slowing
}

/**
 * The door of a listener: the checks that every request passes, in this order, on every route but health, and where
 * there is no route. The configuration may change under it, and holds from the next request on.
 */
export function createDoor({ config, access, connections, slowing }: DoorDeps): LastCheck {
  return inOrder(
    [
      withinConnections(connections), //  503
      withinUrl, //                       414; the headers' size is the parser's: 431
      withinBody, //                      413
      knownMethod, //                     405
      notForwarded, //                    400
      oneHost, //                         400
      hostAllowed(config), //             421
      sameSite, //                        403
      identified(access, slowing), //     401; 400 where two tokens are sent
      permitted, //                       403
    ],
    withinRate, //                        429
  )
}

/** The ops listener's door: kubelet and Prometheus come to the pod's address, and there is no secret behind it. */
export function createOpsDoor(connections: Connections): LastCheck {
  return inOrder([withinConnections(connections), withinUrl], withinBody)
}

function inOrder(checks: readonly Check[], last: LastCheck): LastCheck {
  return (request, route, name) => {
    for (const check of checks) {
      const refusal = check(request, route, name)
      if (refusal !== undefined) return refusal
    }
    return last(request, route, name)
  }
}
