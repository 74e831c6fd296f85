import type { KubernetesProviderConfig } from '../../../config/schema.ts'
import type { ProviderContext } from '../../../secrets/provider.ts'
import type { Access, Entrance, Surroundings } from './access.ts'
import { DirectEntrance } from './direct.ts'

/** The way that the configuration names. Nothing is read yet. */
export function entranceOf(
  config: KubernetesProviderConfig,
  context: ProviderContext,
  surroundings: Surroundings,
): Entrance {
  const { kubeconfig, context: contextName, namespace } = config
  if (kubeconfig === undefined) return new DirectEntrance(config, context.name, surroundings)
  return new LateEntrance(async () => {
    // Most pods have no kubeconfig, and need no parser of YAML for it.
    const { KubeconfigEntrance } = await import('./kubeconfig.ts')
    return new KubeconfigEntrance({
      path: kubeconfig,
      contextName,
      namespace,
      context,
      env: surroundings.env,
    })
  })
}

/** An entrance whose code is loaded when it is first used. */
export class LateEntrance implements Entrance {
  /** More than what a program that makes credentials is given. */
  readonly patience = 35_000
  readonly #load: () => Promise<Entrance>
  #loading: Promise<Entrance> | undefined
  #loaded: Entrance | undefined
  #isClosed = false

  constructor(load: () => Promise<Entrance>) {
    this.#load = load
  }

  async access(signal: AbortSignal): Promise<Access> {
    this.#loading ??= this.#load().then(
      (entrance) => {
        this.#loaded = entrance
        if (this.#isClosed) entrance.close()
        return entrance
      },
      (error) => {
        // The next request may find what was not to be had for a moment, a file handle say.
        this.#loading = undefined
        throw error
      },
    )
    return await (await this.#loading).access(signal)
  }

  refused(access: Access): boolean {
    return this.#loaded?.refused(access) ?? false
  }

  close(): void {
    this.#isClosed = true
    this.#loaded?.close()
  }
}
