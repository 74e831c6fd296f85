/** Runs a sidecar until a signal ends it: shared by `run` and `demo`. */
import type { Loaded } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { CodedError } from '../errors.ts'
import type { Logger } from '../observability/log.ts'
import type { ReloadOutcome } from '../observability/metrics-state.ts'
import type { Addresses } from '../sidecar.ts'
import { Sidecar } from '../sidecar.ts'
import { version } from '../version.ts'
import { exitCodes } from './command.ts'

export interface Serving {
  /** Where the listeners are bound now. */
  readonly addresses: Addresses
  /** Resolves to the error where the sidecar cannot go on: the proxy, which opens last, could not be opened. */
  readonly failed: Promise<unknown>
  /** Resolves when a caller of the api has asked for the end. */
  readonly quitAsked: Promise<void>
  /** Puts another configuration in force, as `Sidecar.reload` says. */
  reload(config: Config): ReturnType<Sidecar['reload']>
  /** The file of the audit may have been rotated: opens what lies at its path now. */
  reopenAudit(): void
  /** A change of the configuration ended: counts it. */
  reloadEnded(outcome: ReloadOutcome): void
  /** Stops in order, or gives up after shutdown.timeout. Resolves to the exit code. */
  stop(reason: string): Promise<number>
}

/**
 * Starts a sidecar. Throws SIDEKEEP_LISTEN_FAILED where a listener cannot be opened, SIDEKEEP_AUDIT_UNWRITABLE where the
 * file of the audit cannot be.
 *
 * @param announce called when the listeners are open, before the first line of the log
 */
export async function serve(
  loaded: Loaded,
  log: Logger,
  announce: (addresses: Addresses) => void = () => {},
): Promise<Serving> {
  const { config, source, warnings, redacted } = loaded
  const began = performance.now()
  const sidecar = await Sidecar.create({ config, log, version })
  const addresses = await sidecar.start()
  announce(addresses)
  for (const warning of warnings) log.warn(warning)
  log.info({ version, source, ...addresses, config: redacted }, 'sidekeep started')
  const { promise: failed, resolve: fail } = Promise.withResolvers<unknown>()
  sidecar.ready.then(({ proxy }) => {
    const afterMs = Math.round(performance.now() - began)
    log.info({ afterMs, ...(proxy === undefined ? {} : { proxy }) }, 'ready: all required secrets are held')
  }, fail)
  return {
    get addresses() {
      return sidecar.addresses ?? addresses
    },
    failed,
    quitAsked: sidecar.quitAsked,
    reload: (next) => sidecar.reload(next),
    reopenAudit: () => sidecar.reopenAudit(),
    reloadEnded: (outcome) => sidecar.reloadEnded(outcome),
    stop: (reason) => stop(sidecar, log, reason),
  }
}

async function stop(sidecar: Sidecar, log: Logger, reason: string): Promise<number> {
  log.info({ reason }, 'stopping')
  const timeoutMs = sidecar.config.shutdown.timeout
  const { promise: late, resolve } = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => resolve('late'), timeoutMs)
  try {
    if ((await Promise.race([sidecar.stop(), late])) !== 'late') {
      log.info('stopped')
      return exitCodes.ok
    }
    log.error(
      { err: new CodedError('SIDEKEEP_SHUTDOWN_TIMED_OUT', [timeoutMs, sidecar.stage]) },
      'shutdown timed out',
    )
  } catch (err) {
    log.error({ err, stage: sidecar.stage }, 'shutdown failed')
  } finally {
    clearTimeout(timer)
  }
  return exitCodes.failed
}
