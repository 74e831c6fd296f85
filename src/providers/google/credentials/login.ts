import type { StringSource } from '../../../config/source.ts'
import { type Clock, ProviderError } from '../../../secrets/provider.ts'
import { isProject } from '../key.ts'
import { type Found, findCredentials } from './found.ts'
import type { Target } from './library.ts'
import { Metadata } from './metadata.ts'
import type { Session, Token } from './session.ts'
import { Transport } from './transport.ts'

export interface LoginOptions {
  /** The provider's name in the configuration. */
  readonly name: string
  readonly clock: Clock
  /** Milliseconds for one request. */
  readonly timeout: number
  readonly ca: StringSource | undefined
  readonly credentials: StringSource | undefined
  readonly project: string | undefined
  readonly quotaProject: string | undefined
  readonly target: Target | undefined
  readonly env: NodeJS.ProcessEnv
}

/**
 * Makes a session of what is configured, or of the default credentials of an application. Everything is read anew, so
 * that what was replaced is taken over. Rejects with a ProviderError.
 */
export async function logIn(options: LoginOptions, signal: AbortSignal): Promise<Session> {
  // What is wrong with these is told before anybody is asked for a token.
  configuredProject(options)
  configuredQuota(options)
  const transport = new Transport(options, signal)
  try {
    const found = await findCredentials(options)
    return found === undefined
      ? await fromMetadata(options, transport)
      : await fromCredentials(options, found, transport)
  } finally {
    await transport.close()
  }
}

async function fromCredentials(options: LoginOptions, found: Found, transport: Transport): Promise<Session> {
  const { tokenFor } = await import('./library.ts')
  const token = await tokenFor(found, options.target, transport)
  const { project_id: project, quota_project_id: quotaProject } = found.json
  return {
    ...token,
    project: configuredProject(options) ?? projectIn(project),
    quotaProject: configuredQuota(options) ?? projectIn(quotaProject),
  }
}

async function fromMetadata(options: LoginOptions, transport: Transport): Promise<Session> {
  const metadata = new Metadata(options.name, options.env, transport)
  const token = await metadata.token()
  return {
    ...(await acting(options, token, transport)),
    project: configuredProject(options) ?? (await metadata.project()),
    quotaProject: configuredQuota(options),
  }
}

async function acting({ name, target }: LoginOptions, token: Token, transport: Transport): Promise<Token> {
  if (target === undefined) return token
  const { impersonated } = await import('./library.ts')
  return await impersonated(token, target, transport, `provider "${name}": the token of the metadata server`)
}

function configuredProject(options: LoginOptions): string | undefined {
  const { project } = options
  return project ?? projectOf(options, 'GOOGLE_CLOUD_PROJECT') ?? projectOf(options, 'GCLOUD_PROJECT')
}

function configuredQuota(options: LoginOptions): string | undefined {
  return options.quotaProject ?? projectOf(options, 'GOOGLE_CLOUD_QUOTA_PROJECT')
}

/** Throws a ProviderError (*credential*) for what is no project: else keys would be looked for in another one. */
function projectOf({ name, env }: LoginOptions, variable: string): string | undefined {
  const value = env[variable]?.trim()
  if (value === undefined || value === '' || isProject(value)) return value || undefined
  const words = `${variable} is set, and holds neither the ID nor the number of a project. Correct it, or unset it.`
  throw new ProviderError('unavailable', 'credential', `provider "${name}": ${words}`)
}

function projectIn(value: unknown): string | undefined {
  return isProject(value) ? value : undefined
}
