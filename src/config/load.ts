import { hash } from 'node:crypto'
import { CodedError } from '../errors.ts'
import { environmentSource, ignoredVariables, inVariables, readEnvironment } from './environment.ts'
import { findFile, localFile, readAgain } from './find.ts'
import { ConfigError } from './problems.ts'
import type { Raw } from './raw.ts'
import { type Plain, redactConfig } from './redacted.ts'
import type { Config } from './schema.ts'
import { validate } from './validate.ts'

export { ConfigError, type Problem } from './problems.ts'

export interface Loaded {
  readonly config: Config
  /** The path of the file, as it was named, or `the environment`. */
  readonly source: string
  /** Where it comes from a file that can be read again: the file, as it was named, and what it held, as `digestOf` tells. */
  readonly file?: LoadedFile
  /** What is allowed and probably not meant; whole sentences that hold no value. */
  readonly warnings: readonly string[]
  /** The effective configuration for a log line: no credential, and no content of a variable. */
  readonly redacted: Plain
}

/** A file that can be read again. */
export interface LoadedFile {
  readonly name: string
  /** How it came to be looked for, for messages. */
  readonly origin: string
  readonly digest: string
}

/** A configuration as it is written. */
export interface ConfigText {
  /** The path of the file, as it was named. */
  readonly name: string
  readonly text: string
}

export interface LoadOptions {
  /** From --config. */
  readonly file?: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** The last place to look for a file. */
  readonly systemFile?: string
}

/**
 * Loads the configuration: from --config, else `$SIDEKEEP_CONFIG`, else `./sidekeep.yaml`, else
 * `/etc/sidekeep/sidekeep.yaml`, else from the environment alone.
 * Rejects with a ConfigError that lists all problems, or with SIDEKEEP_CONFIG_NOT_FOUND where there is nothing.
 */
export async function loadConfig(options: LoadOptions): Promise<Loaded> {
  const { file, env, cwd, systemFile = '/etc/sidekeep/sidekeep.yaml' } = options
  const found = await findFile({ file, env, cwd, systemFile })
  if (found !== undefined) {
    const { name, origin, text, isRegular } = found
    const loaded = await loadText({ name, text }, env)
    return isRegular ? { ...loaded, file: { name, origin, digest: digestOf(text) } } : loaded
  }
  const read = readEnvironment(env)
  if (read === undefined) {
    throw new CodedError('SIDEKEEP_CONFIG_NOT_FOUND', [
      `there is no ${localFile} and no ${systemFile}, and neither SIDEKEEP_CONFIG nor SIDEKEEP_URL is set`,
    ])
  }
  return await finish(read.raw, environmentSource, env, read.warnings)
}

/** Tells two texts apart without keeping them: they may hold credentials. */
export function digestOf(text: string): string {
  return hash('sha256', text, 'base64')
}

/**
 * Reads the file that a configuration came from once more, whatever else is there now.
 *
 * @throws a ConfigError where it cannot be read
 */
export async function rereadFile(
  file: Pick<LoadedFile, 'name' | 'origin'>,
  cwd: string,
): Promise<ConfigText> {
  return { name: file.name, text: await readAgain(file, cwd) }
}

/** Loads the configuration from a file that was read. Rejects with a ConfigError that lists all problems. */
export async function loadText({ name, text }: ConfigText, env: NodeJS.ProcessEnv): Promise<Loaded> {
  const loaded = await parseConfig(text, { file: name, env })
  return { ...loaded, warnings: [...loaded.warnings, ...ignoredVariables(env, name)] }
}

/** Loads the configuration from the text of a file. Rejects with a ConfigError that lists all problems. */
export async function parseConfig(
  text: string,
  options: { readonly file: string; readonly env: NodeJS.ProcessEnv },
): Promise<Loaded> {
  // The YAML parser costs start-up time, and the environment alone does without it.
  const { readDocument } = await import('./document.ts')
  return await finish(readDocument(text, options.env), options.file, options.env, [])
}

async function finish(
  raw: Raw,
  source: string,
  env: NodeJS.ProcessEnv,
  warnings: readonly string[],
): Promise<Loaded> {
  const validated = await validate(raw, env)
  if ('problems' in validated) {
    const problems = source === environmentSource ? validated.problems.map(inVariables) : validated.problems
    throw new ConfigError(problems, source)
  }
  const { config } = validated
  return {
    config,
    source,
    warnings: [...warnings, ...validated.warnings],
    redacted: redactConfig(config, raw),
  }
}
