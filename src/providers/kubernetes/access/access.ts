import { StringSource } from '../../../config/source.ts'
import { CodedError } from '../../../errors.ts'
import { ProviderError } from '../../../secrets/provider.ts'

/** An API server, and what a TLS connection to it is made with. The same object means: connections can stay. */
export interface Endpoint {
  /** `https://host:port`. */
  readonly origin: string
  /** What paths begin with, where the API is not at the root: `/k8s/clusters/c1`; else empty. */
  readonly basePath: string
  /** The option or variable that names the address, for messages. */
  readonly option: string
  readonly ca: StringSource | undefined
  readonly certificate: StringSource | undefined
  readonly key: StringSource | undefined
}

/** How the API server is asked now. */
export interface Access {
  readonly endpoint: Endpoint
  readonly namespace: string
  /** The bearer token, where there is one. */
  readonly token: string | undefined
  /** Where the credential comes from, for messages; undefined where there is none. */
  readonly credential: string | undefined
}

/** The way to an API server. It is gone each time, since tokens and files are replaced while the process runs. */
export interface Entrance {
  /** How much longer than a request it may take, in milliseconds, where it asks somebody else. */
  readonly patience: number
  /** Rejects with a ProviderError (*credential*), or where the signal aborts. */
  access(signal: AbortSignal): Promise<Access>
  /** The credential was not accepted. True where another can be had by trying again at once. */
  refused(access: Access): boolean
  close(): void
}

/** What of its surroundings the provider looks at; a test gives it others. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  /** Where Kubernetes mounts the service account's token, CA and namespace. */
  readonly serviceAccount: string
}

export const ofPod: Surroundings = {
  env: process.env,
  serviceAccount: '/var/run/secrets/kubernetes.io/serviceaccount',
}

/** A namespace is a DNS label (RFC 1123, section 2.1). */
export function isNamespace(text: string): boolean {
  return /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(text)
}

/** Something of ours is missing or cannot be used; the backend was not asked. */
export function unusable(provider: string, words: string): ProviderError {
  return new ProviderError('unavailable', 'credential', `provider "${provider}": ${words}`)
}

/** A text that stands in another file, and is told by that file's place. */
export class InlineSource extends StringSource {
  readonly #place: string

  constructor(value: string, use: 'credential' | 'text', place: string) {
    super(value, use)
    this.#place = place
  }

  override describe(): string {
    return this.#place
  }
}

/** What a source holds. Rejects with a ProviderError (*credential*) that names the option and the place. */
export async function readSource(provider: string, option: string, source: StringSource): Promise<string> {
  try {
    return await source.read()
  } catch (error) {
    // The message of a coded error is made to be shown; what else may be thrown is not known to be.
    const words = error instanceof CodedError ? error.message : `${source.describe()} cannot be read.`
    throw unusable(provider, `${option}: ${words}`)
  }
}

/** A Bearer token has no space and nothing outside visible ASCII (RFC 6750, section 2.1, read generously). */
export function tokenOf(provider: string, text: string, place: string): string {
  const token = text.trim()
  if (!/^[!-~]+$/.test(token)) {
    throw unusable(
      provider,
      `the token from ${place} holds a character that no token has. Write the token alone.`,
    )
  }
  return token
}
