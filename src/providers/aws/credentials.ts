import { fromNodeProviderChain, fromTemporaryCredentials } from '@aws-sdk/credential-providers'
import { type Clock, ProviderError } from '../../secrets/provider.ts'
import { AwsFailure, callFailure } from './failure.ts'
import { overwriting } from './overwriting.ts'
import { PatientIdentity } from './patient-identity.ts'
import type { Transport } from './transport.ts'

export type CredentialProvider = ReturnType<typeof fromTemporaryCredentials>

export interface CredentialsOptions {
  /** The provider's name in the configuration. */
  readonly name: string
  readonly clock: Clock
  readonly transport: Transport
  readonly region?: string | undefined
  readonly profile?: string | undefined
  readonly roleArn?: string | undefined
  readonly externalId?: string | undefined
  readonly sessionName?: string | undefined
}

/** Milliseconds for the endpoints of the node that hand out credentials: they are near. */
const nearby = 1000

/** The SDK writes warnings to the standard error where it is given no logger, and values of commands where it is. */
const silent = {
  trace: (): void => {},
  debug: (): void => {},
  info: (): void => {},
  warn: (): void => {},
  error: (): void => {},
}

/**
 * The SDK's own chain (environment, profiles, web identity, containers, the instance) and, where there is one, the role
 * that is assumed with what it finds. Rejects with a ProviderError that says which of the two failed.
 */
export function credentialsOf(options: CredentialsOptions): CredentialProvider {
  const { name, clock, transport, region, profile, roleArn, externalId, sessionName = 'sidekeep' } = options
  const clientConfig = {
    requestHandler: transport,
    // The refresher knows when to ask again.
    maxAttempts: 1,
    ...(region !== undefined && { region }),
  }
  const chain = fromNodeProviderChain({
    ...(profile !== undefined && { profile }),
    clientConfig,
    clientPlugins: [overwriting],
    // What is written into the files anew is to be read anew.
    ignoreCache: true,
    logger: silent,
    maxRetries: 0,
    timeout: nearby,
  })
  const found: CredentialProvider = async (properties) => {
    try {
      return await chain(properties)
    } catch (error) {
      throw chainFailure(`provider "${name}": credentials`, error, clock.wall())
    }
  }
  if (roleArn === undefined) return found

  const assume = fromTemporaryCredentials({
    masterCredentials: found,
    params: {
      RoleArn: roleArn,
      RoleSessionName: sessionName,
      ...(externalId !== undefined && { ExternalId: externalId }),
    },
    clientConfig,
    clientPlugins: [overwriting],
    logger: silent,
  })
  const assumed: CredentialProvider = async (properties) => {
    try {
      return await assume(properties)
    } catch (error) {
      throw roleFailure(`provider "${name}": AssumeRole ${roleArn}`, error, clock.wall())
    }
  }
  const identity = new PatientIdentity(assumed, clock)
  return (properties) => identity.get(properties)
}

function chainFailure(place: string, error: unknown, wall: number): ProviderError {
  if (error instanceof ProviderError) return error
  if (isOfService(error)) {
    const remedy =
      'the role cannot be assumed. Check that its trust policy names this service account or principal'
    return callFailure({ place, action: 'sts:AssumeRoleWithWebIdentity', remedy }, error, wall)
  }
  const failure = (words: string): ProviderError =>
    new AwsFailure('other', 'unavailable', 'credential', `${place}: ${words}.`)
  const file = unreadable(error)
  if (file !== undefined) {
    return failure(
      `the file ${file.path} cannot be read (${file.code}). Check that it is mounted, and who may read it`,
    )
  }
  return failure(
    'none were found. Give the pod a role (IRSA or EKS Pod Identity), or the process AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile; where a role was given, see that its endpoint can be reached',
  )
}

function roleFailure(place: string, error: unknown, wall: number): ProviderError {
  const remedy =
    'the role cannot be assumed. Allow sts:AssumeRole on it to the credentials that were found, and name them in its trust policy, with externalId where that asks for one'
  return callFailure({ place, action: 'sts:AssumeRole', remedy }, error, wall)
}

/** Whether a service answered: what the SDK itself could not do has no such mark. */
function isOfService(error: unknown): boolean {
  return error instanceof Error && '$metadata' in error && '$fault' in error
}

/** Paths are no values; whoever set the variable that names it knows it. */
function unreadable(error: unknown): { code: string; path: string } | undefined {
  if (!(error instanceof Error && 'code' in error && 'path' in error)) return undefined
  const { code, path } = error
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) && typeof path === 'string'
    ? { code, path }
    : undefined
}
