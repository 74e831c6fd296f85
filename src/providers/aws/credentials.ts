import { fromNodeProviderChain, fromTemporaryCredentials } from '@aws-sdk/credential-providers'
import { type Clock, ProviderError } from '../../secrets/provider.ts'
import { AwsFailure, callFailure } from './failure.ts'
import { noCredentials } from './no-credentials.ts'
import { overwriting } from './overwriting.ts'
import { PatientIdentity } from './patient-identity.ts'
import { isWithoutProfile, nameForMessages, profileWithProcess } from './profiles.ts'
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
  const place = `provider "${name}": credentials`
  const found: CredentialProvider = async (properties) => {
    const asked = profile ?? (process.env.AWS_PROFILE || undefined)
    await refuseProcess(place, asked)
    try {
      return await chain(properties)
    } catch (error) {
      throw chainFailure(place, error, asked, clock.wall())
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

/**
 * A program that the SDK runs has no deadline, gets all of the environment, and outlives this process. Rejects with a
 * ProviderError.
 */
async function refuseProcess(place: string, profile: string | undefined): Promise<void> {
  if (isWithoutProfile(profile)) return
  const refused = await profileWithProcess(profile)
  if (refused === undefined) return
  const words = `${nameForMessages(refused)} has credential_process, which is not run. Give the pod a role, or the profile keys or a role; where it must be a program, let the provider exec run one that brings the secrets`
  throw new AwsFailure('other', 'unavailable', 'credential', `${place}: ${words}.`)
}

function chainFailure(
  place: string,
  error: unknown,
  profile: string | undefined,
  wall: number,
): ProviderError {
  if (error instanceof ProviderError) return error
  if (!isOfService(error)) return noCredentials(place, error, profile)
  const remedy =
    'the role cannot be assumed. Check that its trust policy names this service account or principal'
  return callFailure({ place, action: 'sts:AssumeRoleWithWebIdentity', remedy }, error, wall)
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
