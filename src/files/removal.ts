import type { FileConfig } from '../config/schema/files.ts'
import type { Timer } from '../secrets/clock.ts'
import { type Failure, failureOf } from './failure.ts'
import type { FilesOptions } from './options.ts'
import { kindOf, type Places } from './places.ts'
import { retryDelay } from './retry-delay.ts'

export interface RemovalOptions extends Pick<FilesOptions, 'clock' | 'random' | 'observer'> {
  readonly places: Pick<Places, 'unpublish'>
}

/**
 * Takes away what lies where the configuration names no file any more, or another kind of one. A secret that lies on for
 * ever because its folder was busy for a moment would be nobody's any more: so it is tried until it succeeds.
 */
export class Removal {
  readonly config: FileConfig
  readonly #options: RemovalOptions
  #isWithdrawn = false
  #isOver = false
  #isFailing = false
  #timer: Timer | undefined
  #resume = (): void => {}

  constructor(config: FileConfig, options: RemovalOptions) {
    this.config = config
    this.#options = options
  }

  /** Whether the last attempt failed, and another is to follow. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  /** Resolves once nothing lies there, or nothing is tried any more. Never rejects. */
  async run(): Promise<void> {
    const { observer, random } = this.#options
    const { path } = this.config
    for (let attempt = 1; !this.#isWithdrawn; attempt += 1) {
      const result = await this.#attempt()
      if (typeof result === 'string') {
        // After a failure that was told its end is told too, whoever removed it.
        if (result === 'removed' || attempt > 1) observer.removed({ path, cause: 'configuration' })
        break
      }
      // Withdrawn meanwhile: the file that is kept there now is not the worse for it, and nothing would tell its end.
      if (this.#isWithdrawn) break
      const nextTryMs = retryDelay(attempt, random)
      observer.failed({ path, ...result, attempt, nextTryMs })
      if (this.#isOver) break
      this.#isFailing = true
      await this.#pause(nextTryMs)
      if (this.#isOver) break
    }
    this.#isFailing = false
  }

  /** The same kind of file is kept there again, and replaces what lies there in one step: it has to stay until then. */
  withdraw(): void {
    this.#isWithdrawn = true
    this.close()
  }

  /** Nothing is tried again; an attempt that is under way, or was to be the first, is made. */
  close(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#resume()
  }

  async #attempt(): Promise<'removed' | 'absent' | Failure> {
    const { path } = this.config
    try {
      return await this.#options.places.unpublish(path, kindOf(this.config))
    } catch (error) {
      return failureOf(path, error)
    }
  }

  async #pause(ms: number): Promise<void> {
    // Withdrawn or closed while the attempt was under way: nobody would end the pause any more.
    if (this.#isOver) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#resume = resolve
    this.#timer = this.#options.clock.setTimer(resolve, ms)
    await promise
  }
}
