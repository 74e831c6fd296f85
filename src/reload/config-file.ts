import type { Loaded } from '../config/load.ts'
import { ConfigError, digestOf, loadText, rereadFile } from '../config/load.ts'

/** What a file holds at one moment, as far as it matters whether that is something else than before. */
export interface Look {
  /** The same for the same content, and for the same reason why there is none. */
  readonly digest: string
  /** Validates what was read. */
  judge(): Promise<Loaded | ConfigError>
}

export interface ConfigFileOptions {
  /** As it was named at the start. */
  readonly name: string
  /** How it came to be looked for then, for messages. */
  readonly origin: string
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** The file that the configuration came from: read at each look, judged only when somebody wants that. */
export class ConfigFile {
  readonly #options: ConfigFileOptions

  constructor(options: ConfigFileOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  async look(): Promise<Look> {
    const { name, origin, cwd, env } = this.#options
    const written = await orConfigError(rereadFile({ name, origin }, cwd))
    if (written instanceof ConfigError) {
      return { digest: `unreadable: ${written.message}`, judge: async () => written }
    }
    return { digest: digestOf(written.text), judge: () => orConfigError(loadText(written, env)) }
  }
}

async function orConfigError<T>(work: Promise<T>): Promise<T | ConfigError> {
  try {
    return await work
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}
