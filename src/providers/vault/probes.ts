import { ProviderError } from '../../secrets/provider.ts'
import type { VaultClient } from './client.ts'
import type { Mount } from './mounts.ts'
import { unlessAborted } from './pauses.ts'

/** Questions which mount a path leads to: one at a time for each part of the tree, whoever wants to know. */
export class Probes {
  /** Of no caller, since others wait for the same answer: each request has its deadline, and ends with the client. */
  readonly signal: AbortSignal = new AbortController().signal
  readonly #probe: (path: string) => Promise<Mount>
  readonly #client: VaultClient
  readonly #underWay = new Map<string, Promise<Mount>>()

  constructor(probe: (path: string) => Promise<Mount>, client: VaultClient) {
    this.#probe = probe
    this.#client = client
  }

  /**
   * The end of the probe that is made below `part`, if there is one: whether it found the mount of another path too is
   * then known. Rejects with a ProviderError where the server gave no answer, as it would give none to the next.
   */
  underWay(part: string, signal: AbortSignal): Promise<void> | undefined {
    const probing = this.#underWay.get(part)
    if (probing === undefined) return undefined
    const over = probing.then(
      () => {},
      (error: unknown) => {
        const isOfThatPath = error instanceof ProviderError && /^(?:missing|denied)$/.test(error.kind)
        if (!isOfThatPath) throw error
      },
    )
    return this.#unlessAborted(over, part, signal)
  }

  /** Rejects with a ProviderError. */
  make(part: string, path: string, signal: AbortSignal): Promise<Mount> {
    const probing = this.#probe(path).finally(() => {
      this.#underWay.delete(part)
    })
    this.#underWay.set(part, probing)
    return this.#unlessAborted(probing, path, signal)
  }

  /** By a probe that begins only now, or that others who came after the last one share. Rejects with a ProviderError. */
  async makeAnew(mount: string, path: string, signal: AbortSignal): Promise<Mount> {
    const part = `anew ${mount}`
    const before = this.#underWay.get(part)
    if (before !== undefined) {
      await this.#unlessAborted(
        before.then(
          () => {},
          () => {},
        ),
        path,
        signal,
      )
    }
    const shared = this.#underWay.get(part)
    return await (shared === undefined
      ? this.make(part, path, signal)
      : this.#unlessAborted(shared, path, signal))
  }

  #unlessAborted<T>(work: Promise<T>, path: string, signal: AbortSignal): Promise<T> {
    // Whoever waits may have given up.
    work.catch(() => {})
    return unlessAborted(work, signal, this.#client.place({ path: `sys/internal/ui/mounts/${path}` }))
  }
}
