import type { ProviderError } from '../../secrets/provider.ts'
import { AwsFailure } from './failure.ts'
import { nameForMessages } from './profiles.ts'

/** Those that hold the path of a file. */
const pathVariables = [
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
] as const

/**
 * Why the SDK's chain found no credentials, where no service had a part in it. Nothing of the error is shown: it quotes
 * what was put into a variable, and that may be the token itself.
 *
 * @param profile the one that is asked for, if any is
 */
export function noCredentials(place: string, error: unknown, profile: string | undefined): ProviderError {
  return new AwsFailure('other', 'unavailable', 'credential', `${place}: ${wordsOf(error, profile)}.`)
}

function wordsOf(error: unknown, profile: string | undefined): string {
  const misused = pathVariables.find((name) => isContent(process.env[name]))
  if (misused !== undefined) {
    return `${misused} holds the token or the JSON itself, and wants the path of a file. Name that`
  }
  const file = unreadable(error)
  if (file !== undefined) {
    const variable = pathVariables.find((name) => process.env[name] === file.path)
    const which = variable === undefined ? 'a file that the profile names' : `the file that ${variable} names`
    return `${which} cannot be read (${file.code}). Check that it is mounted, and who may read it`
  }
  if (hasEndedLogin(error)) {
    return `the SSO session of ${nameForMessages(profile)} has expired or is none. Log in anew with aws sso login, or use a role`
  }
  if (profile !== undefined) {
    return `${nameForMessages(profile)} gives no credentials: check that it is in AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE, and what it names`
  }
  return 'none were found. Give the pod a role (IRSA or EKS Pod Identity), or the process AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile; where a role was given, see that its endpoint can be reached'
}

/** Whether it is what belongs into the file: JSON, or a token in the form of a JWT. */
function isContent(text = ''): boolean {
  return /^\s*(?:\{|eyJ[\w-]*\.)/.test(text)
}

function unreadable(error: unknown): { code: string; path: string } | undefined {
  if (!(error instanceof Error && 'code' in error && 'path' in error)) return undefined
  const { code, path } = error
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) && typeof path === 'string'
    ? { code, path }
    : undefined
}

/** The SDK has no code for it: its words tell, and are not shown. */
function hasEndedLogin(error: unknown): boolean {
  return error instanceof Error && /^(?:The SSO session\b|Token is expired\b)/.test(error.message)
}
