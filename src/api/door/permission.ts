import { lacksRight, notForCaller } from '../refusals.ts'
import type { Check, LastCheck } from './check.ts'

/**
 * Whether the caller may do this, and may know of the secret. It comes before anything is looked up, so that neither the
 * answer nor the time that it takes says whether there is such a secret.
 */
export const permitted: Check = ({ caller }, route, name) => {
  if (route === undefined || caller === undefined) return undefined
  if (route.right !== undefined && !caller.has(route.right)) return lacksRight(caller, route.right)
  return name === undefined || caller.mayKnow(name) ? undefined : notForCaller(caller, name)
}

/** Whether the caller has asked too often of late. Who has no limit pays nothing for it. */
export const withinRate: LastCheck = (request) =>
  request.caller?.limit === undefined ? undefined : request.server.admitCaller(request)
