import { dirname, resolve } from 'node:path'
import { StringSource } from '../../../config/source.ts'
import type { ProviderContext } from '../../../secrets/provider.ts'
import { Malformed } from '../../shared/malformed.ts'
import { type Access, type Entrance, readSource, tokenOf, unusable } from './access.ts'
import { type ExecCredential, PluginRuns } from './exec-plugin.ts'
import { type Context, parseKubeconfig } from './kubeconfig-file.ts'

export interface KubeconfigOptions {
  readonly path: string
  /** Undefined: the file's current context. */
  readonly contextName: string | undefined
  /** Undefined: that of the context. */
  readonly namespace: string | undefined
  readonly context: ProviderContext
  readonly env: NodeJS.ProcessEnv
}

interface Known {
  readonly text: string
  readonly context: Context
  readonly runs: PluginRuns | undefined
}

/** To the API server of a context in a kubeconfig file. The file is read each time, and parsed when it has changed. */
export class KubeconfigEntrance implements Entrance {
  readonly patience = 0
  readonly #options: KubeconfigOptions
  readonly #source: StringSource
  #known: Known | undefined
  /** The endpoint with the certificate that a program made, as long as it is the same. */
  #made: { credential: ExecCredential; access: Pick<Access, 'endpoint'> } | undefined
  #isClosed = false

  constructor(options: KubeconfigOptions) {
    this.#options = { ...options, path: resolve(options.path) }
    this.#source = new StringSource({ file: options.path }, 'text')
  }

  async access(signal: AbortSignal): Promise<Access> {
    const { context, runs } = await this.#read()
    const { path, context: provider } = this.#options
    const namespace = this.#options.namespace ?? context.namespace
    const { endpoint } = context
    const place = `kubeconfig ${path}`
    if (context.token !== undefined) {
      const token = await readSource(provider.name, 'kubeconfig', context.token)
      const from = context.token.describe()
      return {
        endpoint,
        namespace,
        token: tokenOf(provider.name, token, from),
        credential: `token, from ${from}`,
      }
    }
    if (runs === undefined) {
      const hasCertificate = endpoint.certificate !== undefined
      return { endpoint, namespace, token: undefined, credential: hasCertificate ? place : undefined }
    }
    const credential = await runs.credential(signal)
    return {
      ...this.#withCertificate(endpoint, credential),
      namespace,
      token: credential.token,
      credential: `the program ${runs.program}, of ${place}`,
    }
  }

  refused({ token, endpoint }: Access): boolean {
    return this.#known?.runs?.forget({ token, certificate: endpoint.certificate }) ?? false
  }

  close(): void {
    this.#isClosed = true
    this.#known?.runs?.close()
  }

  #withCertificate(endpoint: Access['endpoint'], credential: ExecCredential): Pick<Access, 'endpoint'> {
    const { certificate, key } = credential
    if (certificate === undefined || key === undefined) return { endpoint }
    if (this.#made?.credential !== credential) {
      this.#made = { credential, access: { endpoint: { ...endpoint, certificate, key } } }
    }
    return this.#made.access
  }

  async #read(): Promise<Known> {
    const { path, contextName, context, env } = this.#options
    const text = await readSource(context.name, 'kubeconfig', this.#source)
    // Whoever else read it meanwhile may have parsed it: there is one object for one content.
    const known = this.#known
    if (known?.text === text) return known
    try {
      const parsed = parseKubeconfig(text, path, contextName)
      const { plugin, endpoint } = parsed
      const runs =
        plugin === undefined
          ? undefined
          : new PluginRuns({
              plugin,
              server: `${endpoint.origin}${endpoint.basePath}`,
              context,
              env,
              folder: dirname(path),
            })
      known?.runs?.close()
      if (this.#isClosed) runs?.close()
      this.#known = { text, context: parsed, runs }
      return this.#known
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      throw unusable(context.name, `kubeconfig ${path} cannot be used: ${error.message}.`)
    }
  }
}
