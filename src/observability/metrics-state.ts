import type { CallOutcome } from '../secrets/observer.ts'
import type { SecretStatus } from '../secrets/reading.ts'
import type { AuditCells } from './audit-cells.ts'
import type { CounterCells, DurationCells, RouteCells } from './cells.ts'
import type { ChangeCells } from './change-cells.ts'
import type { CutReason } from './connection-cells.ts'
import type { FileCells } from './file-cells.ts'
import type { ProxyCells } from './proxy-cells.ts'
import type { RefusedReason } from './refusal-cells.ts'
import type { TlsCells } from './tls-cells.ts'

/**
 * How a request for a secret's value met the cache. `miss` is a pattern secret that has to be fetched first, `bypass`
 * a caller who asked for a refresh.
 */
export type CacheResult = 'hit' | 'stale' | 'miss' | 'not_loaded' | 'expired' | 'not_found' | 'bypass'

export const cacheResults: readonly CacheResult[] = [
  'hit',
  'stale',
  'miss',
  'not_loaded',
  'expired',
  'not_found',
  'bypass',
]

/**
 * How a change of the configuration ended. `unchanged`: it says what was in force already; `invalid`: it is wrong;
 * `failed`: it is right and could not be applied, as where a port is taken. After the last two nothing has changed.
 */
export type ReloadOutcome = 'applied' | 'unchanged' | 'invalid' | 'failed'

export const reloadOutcomes: readonly ReloadOutcome[] = ['applied', 'unchanged', 'invalid', 'failed']

/** What is read from the cache at each scrape. */
export interface MetricsSource {
  statuses(): readonly SecretStatus[]
  stats(): { readonly entries: number; readonly bytes: number }
}

/** What is known of one provider. */
export interface ProviderCells {
  readonly outcomes: CounterCells<CallOutcome>
  readonly durations: DurationCells
  /** Whether it answered the last call; false before the first answer. */
  up: boolean
  /** What its circuit breaker is open for. */
  breakerOpen: 'unavailable' | 'denied' | undefined
  /** Secrets that it brought in place of a provider that is asked before it. */
  fallbacks: number
  /** Lists from which most of what was held had vanished: when first doubted, and when believed after all. */
  readonly shrunkLists: CounterCells<'doubted' | 'believed'>
}

/** An answer to a scrape. */
export interface MetricsText {
  readonly contentType: string
  readonly body: string
}

/** All numbers at the moment of a scrape. */
export interface MetricsState {
  /** Sidekeep's own version. */
  readonly version: string
  readonly cache: MetricsSource
  readonly reads: CounterCells<CacheResult>
  /** By name. */
  readonly providers: ReadonlyMap<string, ProviderCells>
  /** By template. */
  readonly routes: ReadonlyMap<string, RouteCells>
  /** Requests that were not let in. */
  readonly refusals: CounterCells<RefusedReason>
  /** Connections that were cut. */
  readonly cuts: CounterCells<CutReason>
  /** Of those who are told of changes. */
  readonly changes: ChangeCells
  /** Of declared secrets, by name. */
  readonly rotations: CounterCells<string>
  /** Of all pattern secrets together: their names are the backend's, and too many for labels. */
  readonly patternRotations: number
  /** Where the proxy is configured, or was since the start. */
  readonly proxy: ProxyCells | undefined
  /** Where a listener serves HTTPS, or did since the start. */
  readonly tls: TlsCells | undefined
  /** Where files are configured, or were since the start. */
  readonly files: FileCells | undefined
  readonly audit: AuditCells
  /** Values that were taken out of what was written. */
  readonly redactions: number
  readonly reloads: CounterCells<ReloadOutcome>
  /** When a configuration was last found to be right and in force, in milliseconds since the epoch. */
  readonly lastReloadSuccess: number
  /** Whether the last change of the configuration is not in force. */
  readonly reloadFailing: boolean
  /** What `/readyz` says now. */
  isReady(): boolean
}
