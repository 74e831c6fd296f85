import { isUtf8 } from 'node:buffer'
import { constants, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ConfigError } from './problems.ts'

/** More than ten thousand rules fit; what is larger is another kind of file. */
const largestFile = 1024 * 1024

export interface FoundFile {
  /** As it was named, for messages. */
  readonly name: string
  /** How it came to be looked for, for messages. */
  readonly origin: string
  readonly text: string
  /** Whether it can be read again: a pipe (`--config <(…)`) has nothing to say twice. */
  readonly isRegular: boolean
}

export interface Places {
  /** From --config. */
  readonly file?: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Looked for last. */
  readonly systemFile: string
}

/** The file of a working directory; a file of the machine, or of a mounted volume, is `Places.systemFile`. */
export const localFile = './sidekeep.yaml'

/**
 * Reads the configuration file: the one of --config, else of `$SIDEKEEP_CONFIG`, else the first of the usual places
 * that exists; undefined where none does. A file that was named must be there, and whatever is there must be readable:
 * to go on to the next place would run with another configuration than the one that was meant.
 */
export async function findFile(places: Places): Promise<FoundFile | undefined> {
  const { file, env, cwd, systemFile } = places
  const named = file ?? (env.SIDEKEEP_CONFIG || undefined)
  if (named !== undefined) {
    const origin = file === undefined ? 'named by SIDEKEEP_CONFIG' : 'named by --config'
    const found = await readBounded(resolve(cwd, named), named)
    if (found === undefined) throw absent(named, origin)
    return { ...found, origin }
  }
  for (const name of [localFile, systemFile]) {
    const found = await readBounded(resolve(cwd, name), name)
    if (found !== undefined) return { ...found, origin: 'one of the usual places' }
  }
  return undefined
}

/**
 * Reads the file that a configuration came from once more.
 *
 * @throws a ConfigError where it is there no longer, or can no longer be read, in the words of `findFile`
 */
export async function readAgain(
  { name, origin }: Pick<FoundFile, 'name' | 'origin'>,
  cwd: string,
): Promise<string> {
  const found = await readBounded(resolve(cwd, name), name, 'again')
  if (found === undefined) throw absent(name, origin)
  return found.text
}

type ReadFile = Omit<FoundFile, 'origin'>

/** The file, or undefined where there is none. */
async function readBounded(path: string, name: string, again?: 'again'): Promise<ReadFile | undefined> {
  try {
    // Of a pipe in the file's place, without O_NONBLOCK, the opening itself would wait for its writer.
    await using handle = await open(path, constants.O_RDONLY | (again ? constants.O_NONBLOCK : 0))
    const stats = await handle.stat()
    if (stats.isDirectory()) throw unusable(name, 'a file', 'a directory')
    if (again && !stats.isFile()) throw unusable(name, 'a regular file', 'something else')
    // Not by its size: a pipe (`--config <(…)`) and the files of /proc have none.
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of handle.createReadStream({ autoClose: false })) {
      const bytes = Buffer.from(chunk)
      chunks.push(bytes)
      length += bytes.length
      if (length > largestFile) throw unusable(name, `a file of at most ${largestFile} bytes`, 'a larger one')
    }
    const bytes = Buffer.concat(chunks)
    if (!isUtf8(bytes)) throw unusable(name, 'UTF-8 text', 'other bytes')
    return { name, text: bytes.toString('utf8').replace(/^\ufeff/, ''), isRegular: stats.isFile() }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw unusable(name, 'a readable file', code)
  }
}

function absent(name: string, origin: string): ConfigError {
  return unusable(name, `a file (${origin})`, 'nothing: put it there, or name the place where it is')
}

function unusable(name: string, expected: string, got: string): ConfigError {
  return new ConfigError([{ path: [], expected, got }], name)
}
