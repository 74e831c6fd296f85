/** What every kind of load needs to ask and to judge. */
import type { Client } from './client.ts'
import type { Dice } from './random.ts'
import type { Judges, Kept } from './secret-answer.ts'
import type { Subject } from './subject.ts'
import type { Tally } from './tally.ts'

export interface Scene {
  readonly api: Client
  readonly ops: Client
  readonly proxy: Client
  readonly dice: Dice
  readonly subjects: readonly Subject[]
  readonly judges: Judges
  readonly tally: Tally
  /** The last answers of callers, by what they asked for. */
  readonly kept: Map<string, Kept>
  /** Aborted when the load ends: whoever waits for long stops waiting. */
  readonly over: AbortSignal
  /** `stopping`: the sidecar was asked to stop, and who comes now may be refused or cut off. */
  readonly phase: { stopping: boolean }
}

/** One kind of load: asks once, judges what comes, and counts it. */
export interface Kind {
  readonly name: string
  /** How often beside the others. */
  readonly weight: number
  run(scene: Scene): Promise<void>
}

/** The path of a name: slashes may stand as they are. */
export function pathOf(name: string): string {
  return `/v1/secrets/${name.split('/').map(encodeURIComponent).join('/')}`
}
