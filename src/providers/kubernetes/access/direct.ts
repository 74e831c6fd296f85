import { join } from 'node:path'
import type { KubernetesProviderConfig } from '../../../config/schema.ts'
import { StringSource } from '../../../config/source.ts'
import {
  type Access,
  type Endpoint,
  type Entrance,
  isNamespace,
  readSource,
  type Surroundings,
  tokenOf,
  unusable,
} from './access.ts'

/**
 * To the API server that the configuration names, or to that of the pod, with the service account that Kubernetes mounts
 * (kubernetes.io, "Accessing the Kubernetes API from a Pod").
 */
export class DirectEntrance implements Entrance {
  readonly patience = 0
  readonly #config: KubernetesProviderConfig
  readonly #name: string
  readonly #surroundings: Surroundings
  readonly #token: StringSource | undefined
  #endpoint: Endpoint | undefined

  constructor(config: KubernetesProviderConfig, name: string, surroundings: Surroundings) {
    this.#config = config
    this.#name = name
    this.#surroundings = surroundings
    // The pod's own token goes to the pod's own API server and nowhere else.
    const isPods = config.url === undefined && config.certificate === undefined
    this.#token = config.token ?? (isPods ? this.#mounted('token', 'credential') : undefined)
  }

  async access(): Promise<Access> {
    this.#endpoint ??= this.#endpointOf()
    const [namespace, token] = await Promise.all([this.#namespace(), this.#readToken()])
    return { endpoint: this.#endpoint, namespace, token, credential: this.#credential() }
  }

  refused(): boolean {
    // The token is read for each request: there is none that would be newer.
    return false
  }

  close(): void {}

  #endpointOf(): Endpoint {
    const { url, ca, certificate, key } = this.#config
    if (url !== undefined) {
      const { origin, pathname } = new URL(url)
      const basePath = pathname.replace(/\/+$/, '')
      return { origin, basePath, option: 'url', ca, certificate, key }
    }
    const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } =
      this.#surroundings.env
    if (host === '') {
      throw unusable(
        this.#name,
        'KUBERNETES_SERVICE_HOST is not set: this is no pod of Kubernetes. Set url, or kubeconfig.',
      )
    }
    const origin = URL.parse(`https://${host.includes(':') ? `[${host}]` : host}:${port}`)?.origin
    if (origin === undefined) {
      throw unusable(this.#name, 'KUBERNETES_SERVICE_HOST and _PORT make no address. Set url.')
    }
    return {
      origin,
      basePath: '',
      option: 'KUBERNETES_SERVICE_HOST',
      ca: ca ?? this.#mounted('ca.crt', 'text'),
      certificate,
      key,
    }
  }

  async #namespace(): Promise<string> {
    const { namespace } = this.#config
    if (namespace !== undefined) return namespace
    const source = this.#mounted('namespace', 'credential')
    let mounted: string
    try {
      mounted = (await source.read()).trim()
    } catch {
      const words = `namespace is not set, and ${source.describe()} cannot be read. Set namespace.`
      throw unusable(this.#name, words)
    }
    if (isNamespace(mounted)) return mounted
    throw unusable(this.#name, `namespace: ${source.describe()} holds no name of a namespace. Set namespace.`)
  }

  async #readToken(): Promise<string | undefined> {
    const source = this.#token
    if (source === undefined) return undefined
    return tokenOf(this.#name, await readSource(this.#name, 'token', source), source.describe())
  }

  #credential(): string | undefined {
    if (this.#token !== undefined) return `token, from ${this.#token.describe()}`
    const { certificate } = this.#config
    return certificate === undefined ? undefined : `certificate, from ${certificate.describe()}`
  }

  #mounted(file: string, use: 'credential' | 'text'): StringSource {
    return new StringSource({ file: join(this.#surroundings.serviceAccount, file) }, use)
  }
}
