import type { AwsParameterStoreConfig, AwsSecretsManagerConfig } from '../../config/schema.ts'
import { type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { withDeadline } from '../shared/http/deadline.ts'
import { type CredentialProvider, credentialsOf } from './credentials.ts'
import { AwsFailure, callFailure } from './failure.ts'
import type { Asked } from './meanings.ts'
import { overwriting } from './overwriting.ts'
import { Transport } from './transport.ts'

export type AwsConfig = AwsSecretsManagerConfig | AwsParameterStoreConfig

/** What a client of the SDK is made with. */
export interface ClientSettings {
  readonly region?: string
  readonly endpoint?: string
  readonly profile?: string
  readonly credentials: CredentialProvider
  readonly requestHandler: Transport
  readonly maxAttempts: number
  readonly retryMode: 'standard'
  readonly defaultsMode: 'standard'
  readonly customUserAgent: string
}

interface Client {
  readonly config: { region(): Promise<string> }
  readonly middlewareStack: { use(plugin: typeof overwriting): void }
}

/** One operation. */
export interface Operation<C, T> {
  /** As AWS names it: `GetSecretValue`. */
  readonly name: string
  /** The key, where it is for one. */
  readonly key?: string
  readonly send: (client: C, options: { abortSignal: AbortSignal }) => Promise<T>
}

/** How many requests a call makes at a time at the most (`shared/each.ts`). */
const perCall = 8

/** A service of AWS, asked as one identity: each request under one deadline, and failures told in words of ours. */
export class AwsSession<C extends Client> {
  readonly #config: AwsConfig
  readonly #context: ProviderContext
  /** What IAM calls the service: `secretsmanager`. */
  readonly #service: string
  readonly #makeClient: (settings: ClientSettings) => C
  readonly #transport: Transport
  /** Credentials come from elsewhere: what `ca` says of the service does not hold there. */
  readonly #sideTransport: Transport
  readonly #closing = new AbortController()
  #client: C | undefined
  /** The clients that wait for credentials. */
  readonly #seeking = new WeakSet<C>()
  #region: string | undefined

  constructor(
    config: AwsConfig,
    context: ProviderContext,
    service: string,
    makeClient: (settings: ClientSettings) => C,
  ) {
    const { timeout, maxBody, maxConcurrentCalls, ca } = config
    const shared = { timeout, connections: maxConcurrentCalls * perCall }
    this.#config = config
    this.#context = context
    this.#service = service
    this.#makeClient = makeClient
    const variables = `AWS_ENDPOINT_URL_${service === 'ssm' ? 'SSM' : 'SECRETS_MANAGER'} or AWS_ENDPOINT_URL`
    this.#transport = new Transport(
      { ...shared, maxBody, ca, option: 'endpoint or region', variables },
      context,
    )
    const side = {
      ...shared,
      maxBody: 1024 * 1024,
      option: 'AWS_ENDPOINT_URL_STS or region',
      variables: 'AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL',
    }
    this.#sideTransport = new Transport(side, context)
  }

  /** How messages name an operation. The region is known from the first call on. */
  place(operation: string): string {
    // What the environment calls a region may be anything.
    const isShown = this.#region !== undefined && /^[a-z]{2,}(-[a-z]+)+-\d{1,2}$/.test(this.#region)
    const where = isShown ? ` in ${this.#region}` : ''
    return `provider "${this.#context.name}": ${operation}${where}`
  }

  asked(operation: string, key?: string): Asked {
    return { place: this.place(operation), action: `${this.#service}:${operation}`, key }
  }

  /** What the operation answers. Rejects with a ProviderError. */
  async call<T>(operation: Operation<C, T>, signal: AbortSignal): Promise<T> {
    const { timeout } = this.#config
    return await withDeadline(
      {
        clock: this.#context.clock,
        timeout,
        signal: AbortSignal.any([signal, this.#closing.signal]),
        onTimeout: () => {
          // The SDK has whoever comes next wait for the same credentials, and what hangs may hang for ever.
          if (this.#client !== undefined && this.#seeking.has(this.#client)) this.#client = undefined
          const words = `no complete answer within ${timeout} ms, credentials included. Check the network, or raise timeout.`
          return new ProviderError('unavailable', 'timeout', `${this.place(operation.name)}: ${words}`)
        },
        onAbort: () =>
          new ProviderError(
            'unavailable',
            'aborted',
            `${this.place(operation.name)}: the call was given up.`,
          ),
      },
      (inner) => this.#try(operation, inner),
    )
  }

  /** Ends all that is under way. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#client = undefined
    await Promise.all([this.#transport.close(), this.#sideTransport.close()])
  }

  /**
   * Credentials that were held and are refused are found anew, at once: they may have been replaced where they came
   * from. After a wrong signature the SDK knows how far the clocks are apart.
   */
  async #try<T>(operation: Operation<C, T>, signal: AbortSignal): Promise<T> {
    const held = this.#client
    try {
      return await this.#send(operation, signal)
    } catch (error) {
      if (!(error instanceof AwsFailure) || signal.aborted) throw error
      if (error.obstacle === 'identity') {
        if (held === undefined || this.#client === held) this.#client = undefined
        // What was found a moment ago would be found again.
        if (held === undefined) throw error
      } else if (error.obstacle !== 'signature') throw error
      return await this.#send(operation, signal)
    }
  }

  async #send<T>({ name, key, send }: Operation<C, T>, signal: AbortSignal): Promise<T> {
    this.#client ??= this.#open()
    const client = this.#client
    this.#region ??= await this.#regionOf(client, name)
    try {
      return await send(client, { abortSignal: signal })
    } catch (error) {
      throw callFailure(this.asked(name, key), error, this.#context.clock.wall())
    }
  }

  async #regionOf(client: C, operation: string): Promise<string> {
    try {
      return await client.config.region()
    } catch {
      const words = process.env.AWS_REGION
        ? 'AWS_REGION is set, and holds no region. Correct it, or set region.'
        : 'no region is known. Set region, or AWS_REGION (AWS_DEFAULT_REGION is not looked at), or that of the profile.'
      throw new ProviderError('unavailable', 'credential', `${this.place(operation)}: ${words}`)
    }
  }

  #open(): C {
    const { region, endpoint, profile, roleArn, externalId, sessionName } = this.#config
    const { name, clock } = this.#context
    const provide = credentialsOf({
      name,
      clock,
      transport: this.#sideTransport,
      region,
      profile,
      roleArn,
      externalId,
      sessionName,
    })
    const client: C = this.#makeClient({
      ...(region !== undefined && { region }),
      ...(endpoint !== undefined && { endpoint }),
      ...(profile !== undefined && { profile }),
      credentials: async (properties) => {
        this.#seeking.add(client)
        try {
          return await provide(properties)
        } finally {
          this.#seeking.delete(client)
        }
      },
      requestHandler: this.#transport,
      // The refresher has the backoff; what the SDK would add is calls that nobody counts.
      maxAttempts: 1,
      retryMode: 'standard',
      // Otherwise the environment may have the SDK ask the instance for it.
      defaultsMode: 'standard',
      customUserAgent: 'sidekeep',
    })
    client.middlewareStack.use(overwriting)
    return client
  }
}
