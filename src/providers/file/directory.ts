import { readdir, readlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { throwIfAborted } from '../shared/aborted.ts'
import { Malformed } from '../shared/malformed.ts'
import { inParallel } from '../shared/parallel.ts'
import { codeOf, fileFailure, isAbsent } from './failure.ts'
import { readStable } from './read.ts'

export interface DirectoryOptions {
  readonly path: string
  /** For messages. */
  readonly place: string
  /** Bytes, of each file. */
  readonly maxBody: number
  readonly maxSecrets: number
}

/** What Kubernetes swaps to change all files of a mount at once: a link to the directory with the current ones. */
const dataLink = '..data'

/** Swaps take microseconds and happen once a minute at most: a second attempt is enough, the rest is for slow disks. */
const attempts = 5

/** Enough to keep Node's few threads for files busy. */
const filesAtATime = 16

/**
 * One secret a file, under the file's name, its value the file's exact bytes. Only regular files (links followed) at
 * the top count; names that begin with a dot are not secrets. Where the directory is a Kubernetes mount, all are read
 * from the directory that `..data` names at the start, and again where it was swapped meanwhile: a user name and its
 * password come from one version of the secret.
 */
export async function readDirectory(
  options: DirectoryOptions,
  signal: AbortSignal,
): Promise<Map<string, Fetched | ProviderError>> {
  const { path, place } = options
  for (let attempt = 0; attempt < attempts; attempt++) {
    throwIfAborted(signal, place)
    const data = await linkTarget(join(path, dataLink))
    const secrets = await readOnce(options, data, signal)
    if ((await linkTarget(join(path, dataLink))) === data) return secrets
  }
  throw new ProviderError('unavailable', 'io', `${place}: the directory keeps changing while it is read.`)
}

async function readOnce(
  options: DirectoryOptions,
  data: string | undefined,
  signal: AbortSignal,
): Promise<Map<string, Fetched | ProviderError>> {
  const { path, place, maxBody, maxSecrets } = options
  const secrets = new Map<string, Fetched | ProviderError>()
  await inParallel(await secretFiles(path, data), filesAtATime, async ([name, file]) => {
    throwIfAborted(signal, place)
    const secret = await readSecret(file, maxBody, `${place}: the file "${name}"`)
    if (secret === undefined) return
    if (secrets.size === maxSecrets) {
      throw new Malformed(`it holds more than ${maxSecrets} secrets. Raise maxSecrets`, 'oversized')
    }
    secrets.set(name, secret)
  })
  return secrets
}

/** The visible names of a directory with the paths to read: from the swapped directory, where it has the name. */
export async function secretFiles(path: string, data: string | undefined): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const add = (directory: string, names: readonly string[]): void => {
    for (const name of names) if (!name.startsWith('.')) files.set(name, join(directory, name))
  }
  add(path, await readdir(path))
  if (data !== undefined) {
    const current = resolve(path, data)
    add(current, await namesIn(current))
  }
  return files
}

/** Where a link leads, or undefined where there is no such link. */
export async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    // EINVAL: it is there and is no link, so it is nothing that Kubernetes made.
    if (isAbsent(error) || codeOf(error) === 'EINVAL') return undefined
    throw error
  }
}

/** Empty for a directory that was swapped away: the caller sees the new link and starts again. */
async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/** Undefined for what is no secret: a directory, or a link to nothing. */
async function readSecret(
  path: string,
  maxBody: number,
  place: string,
): Promise<Fetched | ProviderError | undefined> {
  try {
    const bytes = await readStable(path, maxBody)
    return bytes === undefined ? undefined : { value: new SecretValue(bytes) }
  } catch (error) {
    return isAbsent(error) ? undefined : fileFailure(place, error)
  }
}
