import { ProviderError, type ProviderErrorReason } from '../../secrets/provider.ts'
import type { Reply } from './reply.ts'

/** What a policy has to permit: the path as we asked for it, and the capabilities that it takes. */
export interface Right {
  readonly path: string
  readonly capabilities: readonly string[]
  readonly namespace: string | undefined
}

/** The line of a policy that is missing, to be copied into it. */
export function policyLine({ path, capabilities, namespace }: Right): string {
  const list = capabilities.map((capability) => JSON.stringify(capability)).join(', ')
  const where = namespace === undefined ? '' : ` in the namespace ${JSON.stringify(namespace)}`
  return `\`path ${JSON.stringify(path)} { capabilities = [${list}] }\`${where}`
}

export function unavailable(
  place: string,
  reason: ProviderErrorReason,
  words: string,
  retryAfterMs?: number,
): ProviderError {
  return new ProviderError('unavailable', reason, `${place}: ${words}`, { retryAfterMs })
}

export function denied(place: string, words: string): ProviderError {
  return new ProviderError('denied', 'denied', `${place}: ${words}`)
}

export function missing(place: string, words: string): ProviderError {
  return new ProviderError('missing', 'not-found', `${place}: ${words}`)
}

/** The token is good, and its policies do not permit this. */
export function notPermitted({ place, isVaults, status }: Reply, right: Right): ProviderError {
  if (!isVaults) return denied(place, `${status}, by something between that is not Vault. Check url.`)
  return denied(
    place,
    `403: the token has no right to do this. Give its policy ${policyLine(right)}; a denial there, and a path that does not exist, look the same.`,
  )
}

/**
 * What an answer means that is no success and that the one who asked does not know better: by its status, with words of
 * ours. What Vault says is matched where one status has several meanings, and shown nowhere.
 */
export function failureOf(reply: Reply): ProviderError {
  const { status, place, retryAfterMs } = reply
  if (status === 429) {
    const words =
      'the server asks for fewer requests (429): a rate limit or a quota of leases. Raise refresh, or the quota.'
    return new ProviderError('throttled', 'throttled', `${place}: ${words}`, { retryAfterMs })
  }
  return unavailable(place, 'status', `${wordsOf(reply)} (${status}).`, retryAfterMs)
}

/** By status; the first row whose pattern, if any, fits what is said. */
const words: readonly (readonly [status: number, said: RegExp | undefined, words: string])[] = [
  [
    400,
    /unknown role|role .*(?:not found|not exist|not be found)/i,
    'the server does not know the role. Check the name in the path, or create it',
  ],
  [400, /upgrading/i, 'the KV engine is being upgraded to another version. It will be back shortly'],
  [400, /missing client token/i, 'the server saw no token. Check what is between that may drop headers'],
  [400, undefined, 'the server does not take the request. Check the path, and the body where it has one'],
  [403, undefined, 'the server refuses the request'],
  [
    404,
    undefined,
    'there is no such path: nothing is mounted there, or the engine does not know it. Check path, mount and namespace',
  ],
  [
    405,
    undefined,
    'the path cannot be read in this way. Name it among requests, with the method that it wants',
  ],
  [412, undefined, 'the server has not caught up with its leader yet'],
  [413, undefined, 'the request is too large for the server'],
  [501, undefined, 'the server is not initialised. Initialise it (vault operator init)'],
  [502, undefined, 'what the server itself asks does not answer. See its log'],
  [503, /sealed/i, 'the server is sealed. Unseal it'],
  [503, undefined, 'the server is sealed, overloaded, or has no leader. See its log'],
  [500, undefined, 'the server failed. See its log'],
]

function wordsOf(reply: Reply): string {
  const { status } = reply
  const known = words.find(([code, said]) => code === status && (said === undefined || reply.says(said)))?.[2]
  if (known !== undefined) return known
  return status >= 500
    ? 'the server failed. See its log'
    : 'an answer of no use. Is Vault what listens there?'
}
