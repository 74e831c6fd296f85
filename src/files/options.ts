import type { Clock, Random } from '../secrets/clock.ts'
import type { Standings } from '../secrets/standings.ts'
import type { FilesObserver } from './observer.ts'
import type { Places } from './places.ts'
import type { FileAudit } from './recording.ts'

/** What the room is given. */
export interface FilesOptions {
  readonly standings: Standings
  /** Told of each secret that changes, in the middle of that. @returns what ends it */
  readonly watchAll: (changed: (name: string) => void) => () => void
  readonly audit?: FileAudit | undefined
  readonly clock: Clock
  readonly random: Random
  readonly observer: FilesObserver
  /** Called when a file has become current. */
  readonly onCurrent: () => void
  /** Instead of the file system's own. */
  readonly places?: Places
}
