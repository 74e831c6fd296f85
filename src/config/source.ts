import { isUtf8 } from 'node:buffer'
import { constants, open } from 'node:fs/promises'
import { inspect, isDeepStrictEqual } from 'node:util'
import { CodedError } from '../errors.ts'
import { isPathLike } from './path-like.ts'

/** Where a string comes from: written in the configuration itself, or named there and read at each use. */
export type SourceSpec = string | { readonly env: string } | { readonly file: string }

/** A credential goes into a header and is bounded accordingly; a text (a PEM file) may have lines and be longer. */
export type SourceUse = 'credential' | 'text'

const longest: Record<SourceUse, number> = { credential: 64 * 1024, text: 1024 * 1024 }

/** What a header's value may hold (RFC 9110, section 5.5), as one byte a character. */
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * A string that is a literal, `{ env: NAME }` or `{ file: PATH }`. It is read again at each use, since mounted tokens
 * are replaced while the process runs. Whatever prints or serialises the object gets its place, never its value.
 */
export class StringSource {
  readonly #spec: SourceSpec
  readonly #use: SourceUse
  readonly #env: NodeJS.ProcessEnv

  constructor(spec: SourceSpec, use: SourceUse = 'credential', env: NodeJS.ProcessEnv = process.env) {
    this.#spec = spec
    this.#use = use
    this.#env = env
  }

  /** The same source, reading its variable from `env`. */
  withEnvironment(env: NodeJS.ProcessEnv): StringSource {
    return new StringSource(this.#spec, this.#use, env)
  }

  /**
   * The string as it is now. A file's one trailing newline is dropped, since editors and `echo` add it.
   * Throws SIDEKEEP_CREDENTIAL_UNREADABLE, naming the place and a remedy, where there is nothing usable.
   */
  async read(): Promise<string> {
    const spec = this.#spec
    if (typeof spec === 'string') return this.#checked(spec)
    if ('file' in spec) return this.#checked((await this.#readFile(spec.file)).replace(/\r?\n$/, ''))
    const value = this.#variable(spec.env)
    if (value === undefined) throw this.#unreadable('is not set', 'Set it, or name another place.')
    return this.#checked(value)
  }

  /** Whether the other one is written in the same way; what a variable or a file holds is not looked at. */
  isWrittenAs(other: StringSource): boolean {
    return this.#use === other.#use && isDeepStrictEqual(this.#spec, other.#spec)
  }

  /** The environment variable that it wants and that is not set. Nobody can set it while the process runs. */
  get unsetVariable(): string | undefined {
    const spec = this.#spec
    if (typeof spec === 'string' || 'file' in spec) return undefined
    return this.#variable(spec.env) === undefined ? spec.env : undefined
  }

  /** The place: `env AUTH_TOKEN`, `file /run/token` or `the configuration`. Fit for messages and logs. */
  describe(): string {
    if (typeof this.#spec === 'string') return 'the configuration'
    if ('env' in this.#spec) return `env ${this.#spec.env}`
    if (isPathLike(this.#spec.file)) return `file ${this.#spec.file}`
    return 'the file that the configuration names (what it says there is no path)'
  }

  /** As the configuration names it; a literal is redacted, and so is what stands in place of a path and is none. */
  toJSON(): SourceSpec {
    const spec = this.#spec
    if (typeof spec === 'string') return '[redacted]'
    return 'file' in spec && !isPathLike(spec.file) ? { file: '[redacted]' } : spec
  }

  toString(): string {
    return typeof this.#spec === 'string' ? '[redacted]' : `[${this.describe()}]`
  }

  [inspect.custom](): string {
    return this.toString()
  }

  /** Node's process.env inherits from Object: `constructor` is there and no variable. */
  #variable(name: string): string | undefined {
    return Object.hasOwn(this.#env, name) ? this.#env[name] : undefined
  }

  #checked(value: string): string {
    if (value === '') throw this.#unreadable('is empty', 'Put the value there.')
    if (Buffer.byteLength(value) > longest[this.#use]) throw this.#tooLarge()
    if (this.#use === 'credential' && !headerValue.test(value)) {
      throw this.#unreadable(
        'holds a character that an HTTP header cannot carry, such as a line break',
        'Write the value alone, on one line.',
      )
    }
    return value
  }

  async #readFile(path: string): Promise<string> {
    const bytes = await this.#bytesOf(path)
    if (bytes.length > longest[this.#use]) throw this.#tooLarge()
    if (!isUtf8(bytes)) throw this.#unreadable('is not UTF-8 text', 'Is this the right file?')
    return bytes.toString('utf8')
  }

  async #bytesOf(path: string): Promise<Buffer> {
    try {
      // Without O_NONBLOCK, opening a named pipe would wait for its writer.
      await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
      if (!(await handle.stat()).isFile())
        throw this.#unreadable('is no regular file', 'Name the file itself.')
      const buffer = Buffer.alloc(longest[this.#use] + 1)
      let length = 0
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length)
        if (bytesRead === 0) break
        length += bytesRead
      }
      return buffer.subarray(0, length)
    } catch (error) {
      if (error instanceof CodedError) throw error
      throw this.#unreadable(
        `cannot be read (${codeOf(error)})`,
        'Check that it exists and who may read it.',
        // The system's own error quotes the path.
        isPathLike(path) ? error : Object.assign(new Error(codeOf(error)), { code: codeOf(error) }),
      )
    }
  }

  #tooLarge(): CodedError {
    return this.#unreadable(`is larger than ${longest[this.#use]} bytes`, 'Is this the right place?')
  }

  #unreadable(what: string, remedy: string, cause?: unknown): CodedError {
    const options = cause === undefined ? {} : { cause }
    return new CodedError(
      'SIDEKEEP_CREDENTIAL_UNREADABLE',
      [`${this.describe()} ${what}. ${remedy}`],
      options,
    )
  }
}

/** Whether a source could not be read because there is no such file, which may well come to be. */
export function isAbsent(error: unknown): boolean {
  return error instanceof CodedError && ['ENOENT', 'ENOTDIR'].includes(codeOf(error.cause))
}

/** Whether a source could not be read because the process, or the system, has too many files open: that passes. */
export function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof CodedError && ['EMFILE', 'ENFILE'].includes(codeOf(error.cause))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
