import { createHash, randomBytes } from 'node:crypto'

/** 128 bits: whoever may write to the folder cannot put anything in the way of a name that is not there yet. */
const random = '[\\w-]{22}'
const ending = '.sidekeep'

/** Together with the rest below the 255 bytes that a name may have. */
const longestName = 200

/** What is being written by this process: not left over, however its name looks. */
const inFlight = new Set<string>()

/**
 * The names of what is written beside `name` before it takes its place: `.secrets.json.RANDOM.sidekeep`. They carry
 * the name, so that what is left over from a killed run can be told from what others write in the same folder.
 */
export function temporariesOf(name: string): Temporaries {
  const short = Buffer.byteLength(name) <= longestName
  return new Temporaries(`.${short ? name : createHash('sha256').update(name).digest('hex')}.`)
}

/** Names of ours within a folder that is ours: `..RANDOM.sidekeep`, as nobody else's name may begin there. */
export const inside = (): Temporaries => new Temporaries('..')

export class Temporaries {
  readonly #beginning: string
  readonly #form: RegExp

  constructor(beginning: string) {
    this.#beginning = beginning
    this.#form = new RegExp(`^${RegExp.escape(beginning)}${random}${RegExp.escape(ending)}$`)
  }

  /** A new name, until it is disposed not to be swept. */
  claim(): Disposable & { readonly name: string } {
    const name = `${this.#beginning}${randomBytes(16).toString('base64url')}${ending}`
    inFlight.add(name)
    return { name, [Symbol.dispose]: () => void inFlight.delete(name) }
  }

  /** Whether a name is one of these. */
  has(name: string): boolean {
    return this.#form.test(name)
  }

  /** Whether a name is one of these that nobody in this process works on. */
  isLeftOver(name: string): boolean {
    return this.has(name) && !inFlight.has(name)
  }
}
