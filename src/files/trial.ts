import { posix } from 'node:path'
import type { FileConfig } from '../config/schema/files.ts'
import { type Clock, endsWithin } from '../secrets/clock.ts'
import { type Failure, failureOf } from './failure.ts'
import { kindOf, ownershipOf, type Places } from './places.ts'
import { selectionOf } from './selection.ts'

/** How long a volume has to answer, in milliseconds: a share whose server is gone does not, and says nothing. */
const patience = 10_000

/** Whether a file could be written where the configuration wants it. */
export interface TriedFile {
  /** As configured. */
  readonly path: string
  /** Why not; undefined where it could. */
  readonly failure: Pick<Failure, 'reason' | 'message' | 'remedy'> | undefined
  /** Undefined where that cannot be told. */
  readonly inMemory: boolean | undefined
  /** Its volume did not answer: the system call that was made there hangs still, and nothing but a SIGKILL ends it. */
  readonly hangs: boolean
}

export interface TrialOptions {
  readonly places: Pick<Places, 'tryPlace' | 'isInMemory'>
  readonly clock: Clock
}

/**
 * Each of them, in their order. Those of one folder one after the other, and none after one that hangs: each that does
 * keeps one of the few threads that all files, and the names of hosts, are looked up by. Leaves nothing behind but what a
 * volume that hangs does. Never rejects.
 */
export async function tryFiles(files: readonly FileConfig[], options: TrialOptions): Promise<TriedFile[]> {
  const tried = new Map<string, Promise<TriedFile>>()
  return await Promise.all(
    files.map((config) => {
      const folder = posix.dirname(posix.resolve(config.path))
      const trial = (tried.get(folder) ?? Promise.resolve(undefined)).then((before) =>
        before?.hangs === true ? unanswered(config) : tryFile(config, options),
      )
      tried.set(folder, trial)
      return trial
    }),
  )
}

async function tryFile(config: FileConfig, { places, clock }: TrialOptions): Promise<TriedFile> {
  const { path } = config
  let failure: TriedFile['failure']
  let inMemory: boolean | undefined
  const work = async (): Promise<void> => {
    try {
      await places.tryPlace(path, kindOf(config), ownershipOf(config), pathsOf(config))
    } catch (error) {
      failure = failureOf(path, error)
    }
    // Not beside it: where one hangs, so does the other.
    inMemory = await places.isInMemory(path).catch(() => undefined)
  }
  if (!(await endsWithin(clock, patience, work()))) return unanswered(config)
  return { path, failure, inMemory, hangs: false }
}

function unanswered({ path }: FileConfig): TriedFile {
  const failure = {
    reason: 'io',
    message: `cannot write ${path}: its volume has not answered within ${patience / 1_000} s`,
    remedy: 'Check the volume: a share whose server does not answer?',
  } as const
  return { path, failure, inMemory: undefined, hangs: true }
}

/** Those of a folder that the configuration names; which ones its patterns bring nobody knows yet. */
function pathsOf(config: FileConfig): string[] {
  if (kindOf(config) === 'file') return []
  const { keys = {} } = config
  return selectionOf(config).names.map((name) => (Object.hasOwn(keys, name) ? keys[name] : undefined) ?? name)
}
