import type { ChangeKind } from '../secrets/change-feed.ts'
import { changeKinds } from '../secrets/change-feed.ts'
import { CounterCells } from './cells.ts'

/** The numbers behind the metrics of those who are told of changes. */
export class ChangeCells {
  /** Requests that wait for a change now. */
  waiting = 0
  /** Event streams that are open now. */
  streams = 0
  /** Event streams that were ended because their reader was too slow. */
  dropped = 0
  readonly events = new CounterCells<ChangeKind>(changeKinds)
}
