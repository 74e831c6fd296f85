/** What a command shows to the sidecar, and whom it believes to be one. */
import { StringSource } from '../../config/source.ts'
import { CodedError } from '../../errors.ts'
import type { Address } from './address.ts'

/** Variables of the client alone: `SIDEKEEP_TOKEN_FILE` is about the sidecar's own token for its provider. */
const variables = { token: 'SIDEKEEP_API_TOKEN', tokenFile: 'SIDEKEEP_API_TOKEN_FILE', ca: 'SIDEKEEP_API_CA' }

/**
 * The token of the file, else of the variables; undefined where there is none. Never one of the command line, which all
 * processes of the machine can see.
 *
 * @throws SIDEKEEP_USAGE, SIDEKEEP_CREDENTIAL_UNREADABLE
 */
export async function readToken(file: string | undefined, address: Address): Promise<string | undefined> {
  const source = tokenSource(file)
  if (source === undefined) return undefined
  if (!address.isPrivate) {
    throw new CodedError('SIDEKEEP_USAGE', [
      `A token is not sent to ${address.text}, where it would travel unencrypted: ask an https address, loopback or a Unix socket.`,
    ])
  }
  return await source.read()
}

function tokenSource(file: string | undefined): StringSource | undefined {
  if (file !== undefined) return new StringSource({ file })
  // Empty is not set, as for the variables of the configuration.
  const [namedFile, token] = [process.env[variables.tokenFile], process.env[variables.token]]
  if (namedFile && token) {
    const both = `${variables.tokenFile} and ${variables.token}`
    throw new CodedError('SIDEKEEP_USAGE', [`${both} are both set: expected one place for the token.`])
  }
  if (namedFile) return new StringSource({ file: namedFile })
  return token ? new StringSource({ env: variables.token }) : undefined
}

/**
 * The authorities to believe, in PEM; undefined: those that Node believes.
 *
 * @throws SIDEKEEP_USAGE, SIDEKEEP_CREDENTIAL_UNREADABLE
 */
export async function readAuthorities(
  file: string | undefined,
  { protocol, text }: Address,
): Promise<string | undefined> {
  if (protocol !== 'https') {
    if (file === undefined) return undefined
    throw new CodedError('SIDEKEEP_USAGE', [`--ca is for https addresses, and ${text} is none.`])
  }
  const named = file ?? (process.env[variables.ca] || undefined)
  if (named === undefined) return undefined
  const pem = await new StringSource({ file: named }, 'text').read()
  const { X509Certificate } = await import('node:crypto')
  try {
    // What is no certificate, Node would pass over without a word.
    new X509Certificate(pem)
  } catch (error) {
    throw new CodedError('SIDEKEEP_USAGE', [`${named} holds no certificate in PEM.`], { cause: error })
  }
  return pem
}
