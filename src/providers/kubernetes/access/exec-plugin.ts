import { resolve } from 'node:path'
import { type Clock, type ProviderContext, ProviderError } from '../../../secrets/provider.ts'
import { isJsonObject, parseJson } from '../../shared/json.ts'
import { Malformed } from '../../shared/malformed.ts'
import { type Endpoint, InlineSource, unusable } from './access.ts'
import { runProgram } from './program.ts'

/** A program that makes credentials, as a kubeconfig names it. */
export interface ExecPlugin {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly apiVersion: string
  readonly wantsCluster: boolean
}

/** What it made. The same object as long as it is the same credential. */
export interface ExecCredential {
  readonly token: string | undefined
  readonly certificate: InlineSource | undefined
  readonly key: InlineSource | undefined
}

const apiVersions = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']

/** Milliseconds for one run; the file's own programs answer in a few seconds, or never, as they wait for a person. */
const timeout = 30_000

/**
 * So long a credential is held at the least, whatever its end, in milliseconds: where our clock is ahead of that of the
 * one who made it, it would be over at once, and each request would run the program. One that is over is refused.
 */
const leastHeld = 5_000

/** A credential is not used in its last seconds: it would be over when it arrives. In milliseconds. */
const margin = 10_000

/** @param folder that of the kubeconfig, where a relative path begins. Throws `Malformed`. */
export function pluginOf(exec: Record<string, unknown>, folder: string): ExecPlugin {
  const { command, args = [], env = [], apiVersion, interactiveMode, provideClusterInfo } = exec
  if (typeof command !== 'string' || command === '') throw new Malformed('its exec has no command')
  if (typeof apiVersion !== 'string' || !apiVersions.includes(apiVersion)) {
    throw new Malformed(`its exec has an apiVersion other than ${apiVersions.join(' and ')}`)
  }
  if (interactiveMode === 'Always') {
    throw new Malformed('its exec asks for a terminal (interactiveMode Always), and there is none')
  }
  const list = args ?? []
  if (!Array.isArray(list) || !list.every((arg) => typeof arg === 'string')) {
    throw new Malformed('its exec has args that are no list of texts')
  }
  if ([command, ...list].some((text) => text.includes('\0'))) {
    throw new Malformed('its exec has a command that no system can run')
  }
  return {
    // A name without a slash is looked for in PATH; what else is relative begins at the file.
    command: command.includes('/') ? resolve(folder, command) : command,
    args: list,
    env: variablesOf(env ?? []),
    apiVersion,
    wantsCluster: provideClusterInfo === true,
  }
}

function variablesOf(env: unknown): Record<string, string> {
  const variables = Array.isArray(env) ? env : [undefined]
  return Object.fromEntries(
    variables.map((variable) => {
      if (
        isJsonObject(variable) &&
        typeof variable.name === 'string' &&
        typeof variable.value === 'string' &&
        !/[\0=]/.test(variable.name) &&
        !variable.value.includes('\0')
      ) {
        return [variable.name, variable.value]
      }
      throw new Malformed('its exec has env that is no list of names and values')
    }),
  )
}

export interface PluginRunsOptions {
  readonly plugin: ExecPlugin
  /** The API server's URL, for a plugin that wants to know it. */
  readonly server: string
  readonly context: ProviderContext
  readonly env: NodeJS.ProcessEnv
  /** Where the program runs. */
  readonly folder: string
}

interface Made {
  readonly credential: ExecCredential
  /** Milliseconds since the epoch; infinite where the program names no end. */
  readonly expiresAt: number
}

interface Held extends Made {
  /** In the time of the monotonic clock. */
  readonly since: number
}

/**
 * Runs a credential plugin (kubernetes.io, "client-go credential plugins"), and keeps what it made until that expires or
 * is refused. Whoever wants a credential meanwhile waits for the same run.
 */
export class PluginRuns {
  readonly #options: PluginRunsOptions
  readonly #ended = new AbortController()
  #held: Held | undefined
  #running: Promise<Held> | undefined

  constructor(options: PluginRunsOptions) {
    this.#options = options
  }

  get program(): string {
    return this.#options.plugin.command
  }

  /** Rejects with a ProviderError. A run is not ended by a caller who gives up: others may wait for it. */
  async credential(signal: AbortSignal): Promise<ExecCredential> {
    if (this.#held !== undefined && this.#isGood(this.#held)) return this.#held.credential
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    const { credential } = await unlessAborted(this.#running, signal, this.#options.context.name)
    return credential
  }

  /** A credential was refused: it is not held any longer. True, since another can be had. */
  forget({ token, certificate }: Pick<Endpoint, 'certificate'> & { token: string | undefined }): boolean {
    const held = this.#held?.credential
    // Of many requests with one credential the first made room for another, which the rest must not throw away.
    const isHeld = token === undefined ? held?.certificate === certificate : held?.token === token
    if (isHeld) this.#held = undefined
    return true
  }

  close(): void {
    this.#held = undefined
    this.#ended.abort()
  }

  #isGood({ expiresAt, since }: Held): boolean {
    return this.#clock.wall() < expiresAt - margin || this.#clock.now() < since + leastHeld
  }

  get #clock(): Clock {
    return this.#options.context.clock
  }

  async #run(): Promise<Held> {
    const { plugin, context, env, folder } = this.#options
    const output = await runProgram({
      command: plugin.command,
      args: plugin.args,
      env: { ...env, ...plugin.env, KUBERNETES_EXEC_INFO: this.#info() },
      folder,
      timeout,
      clock: context.clock,
      signal: this.#ended.signal,
      place: `provider "${context.name}": kubeconfig: the program ${plugin.command}`,
    })
    try {
      const held = { ...madeOf(output, plugin), since: this.#clock.now() }
      this.#held = this.#ended.signal.aborted ? undefined : held
      return held
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      throw unusable(
        context.name,
        `kubeconfig: what the program ${plugin.command} wrote cannot be used: ${error.message}.`,
      )
    } finally {
      output.fill(0)
    }
  }

  #info(): string {
    const { plugin, server } = this.#options
    const cluster = plugin.wantsCluster ? { cluster: { server } } : {}
    return JSON.stringify({
      kind: 'ExecCredential',
      apiVersion: plugin.apiVersion,
      spec: { interactive: false, ...cluster },
    })
  }
}

function madeOf(output: Buffer, { apiVersion, command }: ExecPlugin): Made {
  const json = parseJson(output)
  if (!isJsonObject(json) || json.kind !== 'ExecCredential' || json.apiVersion !== apiVersion) {
    throw new Malformed(`it is no ExecCredential of ${apiVersion}`)
  }
  const status = isJsonObject(json.status) ? json.status : {}
  const place = `the program ${command}`
  const pem = (member: string) => {
    const text = status[member]
    return typeof text === 'string' && text !== '' ? new InlineSource(text, 'text', place) : undefined
  }
  const token = typeof status.token === 'string' && status.token !== '' ? status.token.trim() : undefined
  const [certificate, key] = [pem('clientCertificateData'), pem('clientKeyData')]
  if (token === undefined && (certificate === undefined || key === undefined)) {
    throw new Malformed('it has neither a token nor a certificate with its key')
  }
  if (token !== undefined && !/^[!-~]+$/.test(token)) {
    throw new Malformed('its token holds a character that no token has')
  }
  return { credential: { token, certificate, key }, expiresAt: expiryOf(status.expirationTimestamp) }
}

function expiryOf(timestamp: unknown): number {
  if (timestamp === undefined || timestamp === null) return Number.POSITIVE_INFINITY
  const at = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN
  if (Number.isNaN(at)) throw new Malformed('its expirationTimestamp is no time')
  return at
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, name: string): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void =>
    reject(new ProviderError('unavailable', 'aborted', `provider "${name}": the request was given up.`))
  // Whoever waits no longer must not make the failure of a run one that nobody handles.
  work.catch(() => {})
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([aborted, work])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
