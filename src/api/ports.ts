/** What the API needs of the rest of the program: narrow, so that a test can stand in for each part. */

import type { ServerOptions } from 'node:https'
import type { Access } from '../access/access.ts'
import type { CutReason } from '../observability/connection-cells.ts'
import type { CacheResult, MetricsText } from '../observability/metrics-state.ts'
import type { RefusedReason } from '../observability/refusal-cells.ts'
import type { Change, Missed } from '../secrets/change-feed.ts'
import type { Clock } from '../secrets/clock.ts'
import type {
  Explanation,
  Reading,
  RefreshResult,
  RejectedResult,
  SecretState,
  SecretStatus,
} from '../secrets/reading.ts'
import type { Health } from './health.ts'

/** The cache as readers see it. A read never waits. */
export interface SecretReader {
  read(name: string): Reading
  /** What is known of a secret that is declared or held. */
  status(name: string): SecretStatus | undefined
  /** @param wants which of them; without it: all */
  statuses(wants?: (name: string) => boolean): readonly SecretStatus[]
}

export interface SecretRefresher {
  /** The first fetch of a pattern secret, or that of one that overslept, shared by all who wait. Never rejects. */
  demand(name: string, timeoutMs: number): Promise<Reading>
  /** Fetches a secret now, or joins the fetch that is under way. Never rejects. */
  refresh(name: string): Promise<RefreshResult>
  /**
   * Fetches everything that is declared or held now, or what of it `wants` names. Never rejects.
   *
   * @param wants whether somebody wants to have a secret refreshed, and to be told of it; without it: all
   */
  refreshAll(
    wants?: (name: string) => boolean,
  ): Promise<readonly { readonly name: string; readonly result: RefreshResult }[]>
  /** A backend refused this version: fetches the secret again where that is the version held. Never rejects. */
  rejected(name: string, version: string): Promise<RejectedResult>
  /** All that is known of a secret but its value; undefined where no rule names it. */
  explain(name: string): Explanation | undefined
}

/** What happens to secrets, told as it happens. */
export interface Changes {
  /** Calls `changed` after each change of a secret; returns what ends it. */
  watch(name: string, changed: () => void): () => void
  /** Calls `listener` with each change that is worth an event; returns what ends it. */
  subscribe(listener: (change: Change) => void): () => void
  /** The changes after the one with this id, where they are still known. */
  since(id: string): Missed
  /** The id of the latest change. */
  readonly lastId: string
}

/** Counts the requests of one route. */
export interface RouteMeter {
  /** An answer that will come some time: it is shown as 0 until then. */
  expect(method: string, status: number): void
  count(method: string | undefined, status: number, durationMs: number): void
}

export interface ApiMetrics {
  route(label: string): RouteMeter
  /** A request was not let in, or asked for what is not for its caller. */
  refused(reason: RefusedReason): void
  /** A connection was cut, and not because its listener closes. */
  connectionCut(reason: CutReason): void
  cacheRead(result: CacheResult): void
  /** Callers that wait for a change have become this many more or fewer. */
  waiting(difference: 1 | -1): void
  /** Event streams that are open have become this many more or fewer. */
  eventStreams(difference: 1 | -1): void
  /** An event stream was ended because its reader was too slow. */
  eventStreamDropped(): void
  render(): Promise<MetricsText>
}

/** What somebody did, or wanted to do, with secrets, or with the sidecar (`quit`). */
export type AuditedAction = 'read' | 'list' | 'watch' | 'refresh' | 'rejected' | 'explain' | 'quit'

/** One access, as the audit has it: never a value. */
export interface AuditedAccess {
  readonly action: AuditedAction
  /** As it was asked for; null where the request is about no single one. */
  readonly name: string | null
  /** Undefined where a listener has no callers, and for who was not let in. */
  readonly caller: string | undefined
  /** The listener's address, as the configuration writes it. */
  readonly listener: string
  readonly status: number
  /** The code of the error that was answered. */
  readonly code: string | undefined
  /** Of the secret, where the answer tells it: of the value that was sent, of the version that a refresh brought. */
  readonly version: string | undefined
  readonly state: SecretState | undefined
  /** How many like it were not recorded before it, as there were too many. */
  readonly withheld?: number
}

export interface Audit {
  /** Whether accesses are recorded. A changed configuration may turn that on and off. */
  readonly isOn: boolean
  /**
   * Records an access before its answer is sent.
   *
   * @returns undefined where the answer may go at once; else it waits for the promise, and where that rejects the caller
   * is answered SIDEKEEP_AUDIT_FAILED in its place
   */
  record(access: AuditedAccess): Promise<void> | undefined
  /** Counts an attempt of nobody in particular that is not recorded, as there are too many. */
  withhold(): void
}

/** The part of pino that is used here. Its serializer of `err` keeps what an error may quote out of the log. */
export interface ApiLog {
  error(details: { readonly err: unknown }, message: string): void
  warn(details: object, message: string): void
  debug(details: object, message: string): void
}

export interface ApiConfig {
  /** Host names that are answered beside the loopback ones; a port in them is ignored. */
  readonly hosts: readonly string[]
  /** Connections beyond this are answered 503. */
  readonly maxConnections: number
  /** How long a caller waits for the first fetch of a pattern secret, in milliseconds. */
  readonly demandTimeout: number
  /** How long a caller waits for a refresh that it asked for, in milliseconds. */
  readonly refreshTimeout: number
  /** How long a caller may wait for a change at the most, in milliseconds. */
  readonly maxWait: number
  /** How many callers may wait for changes at once, as far as `KeptConnections` lets them. */
  readonly maxWaiters: number
  /** How many event streams may be open at once, as far as `KeptConnections` lets them. */
  readonly maxEventStreams: number
}

export interface OpsDeps {
  readonly health: Health
  readonly metrics: ApiMetrics
  readonly log: ApiLog
  readonly clock: Clock
  readonly config: Pick<ApiConfig, 'maxConnections'>
}

export interface ApiDeps extends OpsDeps {
  /** Where accesses are recorded; undefined: nowhere. */
  readonly audit?: Audit
  /** Who may ask this listener. */
  readonly access: Access
  /** What HTTPS is served with; undefined: plain HTTP. */
  readonly tls?: ServerOptions
  /** Sidekeep's own version, for the OpenAPI document. */
  readonly version: string
  readonly cache: SecretReader
  readonly refresher: SecretRefresher
  readonly changes: Changes
  /** Asks for the end of the sidecar, as a stop signal does. Returns at once; asking again changes nothing. */
  quit(): void
  readonly config: ApiConfig
}
