import type { AuditTrail } from '../audit/trail.ts'
import type { Config } from '../config/schema.ts'
import type { Changes } from '../reload/changes.ts'
import { drainTime } from './drain-time.ts'
import type { FilesPart } from './files.ts'
import type { Heart } from './heart.ts'
import type { Listeners } from './listeners.ts'
import type { Prepared } from './prepared.ts'
import type { Sources } from './sources.ts'

/** What changes with the configuration. */
export interface ChangingParts {
  readonly sources: Sources
  readonly heart: Heart
  readonly listeners: Listeners
  readonly audit: AuditTrail
  readonly files: FilesPart
}

export interface ChangeOptions {
  /** Whether a proxy that is added or moved is to be opened. */
  readonly opensProxy: boolean
  /** Called in the middle of the commit: the heart goes by the new configuration already, the listeners do not yet. */
  readonly inForce: () => void
}

/**
 * Makes all parts ready for another configuration: first everything that takes time and may fail, beside what is in force
 * and without touching it. The commit is one turn of the event loop.
 *
 * @throws what kept it from being applied; then everything is as it was
 */
export async function prepareChange(
  { sources, heart, listeners, audit, files }: ChangingParts,
  config: Config,
  changes: Changes,
  { opensProxy, inForce }: ChangeOptions,
): Promise<Prepared> {
  await using undo = new AsyncDisposableStack()
  const otherSources = await sources.prepare(config.providers, changes.providers)
  undo.defer(otherSources.abandon)
  const withinMs = drainTime(config.shutdown)
  const otherListeners = await listeners.prepare(config, { opensProxy, withinMs })
  undo.defer(otherListeners.abandon)
  const otherAudit = changes.options.some((option) => option.startsWith('audit'))
    ? await audit.prepare(config.audit)
    : undefined
  if (otherAudit !== undefined) undo.defer(otherAudit.abandon)
  const otherFiles = changes.options.some((option) => option.startsWith('files'))
    ? await files.prepare(config.files)
    : undefined
  if (otherFiles !== undefined) undo.defer(otherFiles.abandon)
  const undone = undo.move()
  return {
    commit() {
      otherAudit?.commit()
      heart.apply(config, changes, otherSources)
      inForce()
      // By the rules of the new configuration already: its files may have secrets that the former one did not name.
      otherFiles?.commit()
      otherListeners.commit()
    },
    abandon: () => undone.disposeAsync(),
  }
}
