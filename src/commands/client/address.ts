/** Where a running sidecar is asked. */
import { isLoopbackAddress } from '../../config/listen.ts'
import { CodedError } from '../../errors.ts'

export interface Address {
  /** As it was written, for messages. */
  readonly text: string
  readonly protocol: 'http' | 'https'
  /** Whether what is sent stays on this machine, or is encrypted on its way. */
  readonly isPrivate: boolean
  /** As node:http takes it. */
  readonly target:
    | { readonly socketPath: string; readonly host: string }
    | { readonly host: string; readonly port: number }
}

export const defaultAddress = 'http://127.0.0.1:7575'

/** @throws SIDEKEEP_USAGE */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:/')) {
    const target = { socketPath: text.slice('unix:'.length), host: 'localhost' }
    return { text, protocol: 'http', isPrivate: true, target }
  }
  // What else a URL may have, a password say, is not for messages.
  if (!/^https?:\/\/[^/?#@\s]+\/?$/i.test(text) || !URL.canParse(text)) throw wrongAddress(text)
  const { protocol, hostname, port } = new URL(text)
  const isHttps = protocol === 'https:'
  const host = hostname.replace(/^\[|\]$/g, '')
  return {
    text,
    protocol: isHttps ? 'https' : 'http',
    isPrivate: isHttps || host === 'localhost' || isLoopbackAddress(host),
    target: { host, port: port === '' ? (isHttps ? 443 : 80) : Number(port) },
  }
}

function wrongAddress(text: string): CodedError {
  const remedy =
    'expected something like http://127.0.0.1:7575, https://secrets.internal:7575 or unix:/run/sidekeep/api.sock'
  const shown = text.includes('@') ? 'What --api (or SIDEKEEP_API) says' : `"${text}"`
  return new CodedError('SIDEKEEP_USAGE', [`${shown} is no address of a sidecar: ${remedy}.`])
}
