import type { FileConfig } from '../config/schema/files.ts'
import { type Failure, failureOf } from './failure.ts'
import { kindOf, ownershipOf, type Places } from './places.ts'

/** Whether a file could be written where the configuration wants it. */
export interface TriedFile {
  /** As configured. */
  readonly path: string
  /** Why not; undefined where it could. */
  readonly failure: Pick<Failure, 'reason' | 'message' | 'remedy'> | undefined
  /** Undefined where that cannot be told. */
  readonly inMemory: boolean | undefined
}

/** Leaves nothing behind. Never rejects. */
export async function tryFile(
  config: FileConfig,
  places: Pick<Places, 'tryPlace' | 'isInMemory'>,
): Promise<TriedFile> {
  const { path } = config
  const [tried, inMemory] = await Promise.allSettled([
    places.tryPlace(path, kindOf(config), ownershipOf(config)),
    places.isInMemory(path),
  ])
  return {
    path,
    failure: tried.status === 'rejected' ? failureOf(path, tried.reason) : undefined,
    inMemory: inMemory.status === 'fulfilled' ? inMemory.value : undefined,
  }
}
