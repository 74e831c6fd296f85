import { basename } from 'node:path'

const placeholder = '{key}'

/** The configured program and arguments. */
export class Command {
  /** Whether the program is run for each key. */
  readonly perKey: boolean
  readonly program: string
  /** For messages: the program's own name up to the first space, as somebody may have written a whole line there. */
  readonly name: string
  readonly #args: readonly string[]
  /** Whether a key begins an argument, and so could be taken for an option. */
  readonly #keyLeads: boolean

  constructor([program = '', ...args]: readonly string[]) {
    this.program = program
    this.name = basename(program.split(/\s/, 1)[0] ?? '')
    this.#args = args
    this.perKey = args.some((arg) => arg.includes(placeholder))
    this.#keyLeads = args.some((arg) => arg.startsWith(placeholder))
  }

  /** The arguments of the run that brings everything. */
  all(): string[] {
    return [...this.#args]
  }

  /**
   * The arguments of the run for a key. However many places the key has, each argument stays one argument, and nothing
   * in the key means anything. Undefined for a key that no program should see: an empty one; one with control
   * characters or half of a surrogate pair; one with a segment `.` or `..`, which would lead out of a path that was
   * configured; and one that begins with `-` where it would begin an argument, since that is how options begin.
   */
  of(key: string): string[] | undefined {
    if (key === '' || !key.isWellFormed() || /\p{Cc}/u.test(key)) return undefined
    if (key.split('/').some((segment) => segment === '.' || segment === '..')) return undefined
    if (this.#keyLeads && key.startsWith('-')) return undefined
    return this.#args.map((arg) => arg.replaceAll(placeholder, () => key))
  }
}
