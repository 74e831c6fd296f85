import { constants, open } from 'node:fs/promises'

/** A value of the sidecar's own cache. */
export interface TlsSecret {
  readonly secret: string
  /** A member of its JSON value, or a JSON Pointer. */
  readonly field?: string | undefined
}

/** Where a part of what TLS is served with lies: the path of a file, or a secret. */
export type TlsPlace = string | TlsSecret

/** All parts, as the configuration says it. */
export interface TlsPlaces {
  readonly cert: TlsPlace
  readonly key: TlsPlace
  readonly clientCa?: TlsPlace | undefined
}

/** The values of the cache, as far as they are wanted here. */
export interface TlsSecrets {
  /** As text; undefined where nothing is held, or it is no text, or has no such field. */
  read(place: TlsSecret): string | undefined
  /** Calls `changed` when another value is there, or none any more. Returns what ends that. */
  watch(place: TlsSecret, changed: () => void): () => void
}

/** The largest text that is taken, in bytes: a chain of certificates has a few KiB, a list of authorities some hundred. */
export const largest = 1_048_576

export function isSecret(place: TlsPlace | undefined): place is TlsSecret {
  return typeof place === 'object'
}

/** The place, for messages. */
export function describePlace(place: TlsPlace): string {
  if (!isSecret(place)) return place
  const { secret, field } = place
  return field === undefined ? `the secret "${secret}"` : `the secret "${secret}", field ${field}`
}

export function isSamePlaces(one: TlsPlaces, other: TlsPlaces): boolean {
  const written = ({ cert, key, clientCa }: TlsPlaces): string =>
    JSON.stringify(
      [cert, key, clientCa].map((place) => (isSecret(place) ? [place.secret, place.field] : place)),
    )
  return written(one) === written(other)
}

export async function readFile(path: string): Promise<string> {
  // A named pipe that somebody put there would keep a thread waiting for whoever writes to it, for ever.
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const stats = await handle.stat()
  if (!stats.isFile() || stats.size > largest) throw new Error('too large, or no file')
  return await handle.readFile('utf8')
}
