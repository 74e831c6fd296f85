import { stat } from 'node:fs/promises'
import type { FileProviderConfig } from '../../config/schema.ts'
import type { Fetched, Provider, ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { throwIfAborted } from '../shared/aborted.ts'
import { Malformed } from '../shared/malformed.ts'
import { narrow } from '../shared/narrow.ts'
import { readDirectory } from './directory.ts'
import { formatOf, parseDocument } from './document.ts'
import { fileFailure } from './failure.ts'
import { readStable } from './read.ts'
import { watchPath } from './watch.ts'

/** Secrets from a directory with one secret a file, or from one JSON, YAML or dotenv file. */
export function createFileProvider(config: FileProviderConfig, context: ProviderContext): Provider {
  const { path, format, poll, maxBody, maxSecrets } = config
  const place = `provider "${context.name}": ${path}`

  async function read(signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>> {
    throwIfAborted(signal, place)
    if (format === 'directory' || (format === 'auto' && (await stat(path)).isDirectory())) {
      return await readDirectory({ path, place, maxBody, maxSecrets }, signal)
    }
    const bytes = await readStable(path, maxBody)
    if (bytes === undefined) throw new Malformed(`it is a directory, and format is ${format}`)
    try {
      throwIfAborted(signal, place)
      return await parseDocument(bytes, format === 'auto' ? formatOf(path) : format, maxSecrets, place)
    } finally {
      // What is made of them are copies.
      bytes.fill(0)
    }
  }

  async function fetchAll(signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>> {
    try {
      return await read(signal)
    } catch (error) {
      throw fileFailure(place, error)
    }
  }

  return {
    fetch: async (keys, signal) => narrow(await fetchAll(signal), keys, place),
    fetchAll,
    watch: (changed, signal) => watchPath({ path, poll, context, changed, signal }),
  }
}
