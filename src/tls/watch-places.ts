import { FileWatch } from '../file-watch.ts'
import type { Clock } from '../secrets/clock.ts'
import type { TlsPlaces, TlsSecrets } from './place.ts'
import { isSecret } from './place.ts'

/** Between two looks at files where nothing is reported, in milliseconds. */
const pollInterval = 10_000

/**
 * Calls `changed` when something may have changed at one of the places.
 *
 * @returns what ends it
 */
export function watchPlaces(
  { cert, key, clientCa }: TlsPlaces,
  secrets: TlsSecrets,
  clock: Clock,
  changed: () => void,
): () => void {
  const places = [cert, key, clientCa].filter((place) => place !== undefined)
  const files = new Set(places.filter((place) => typeof place === 'string'))
  // However many of its fields are used: cert and key of one secret change together.
  const names = new Set(places.filter(isSecret).map(({ secret }) => secret))
  const ends = [...names].map((secret) => secrets.watch({ secret }, changed))
  for (const path of files) {
    const watch = new FileWatch({ path, clock, look: changed })
    watch.set({ watch: true, poll: pollInterval })
    ends.push(() => watch.close())
  }
  return () => {
    for (const end of ends) end()
  }
}
