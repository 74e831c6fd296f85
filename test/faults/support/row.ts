import type { Test } from 'tap'
import { longestRecovery } from '../../../src/secrets/backoff.ts'
import { callTimeout, type Mode, type SceneOptions } from './configuration.ts'
import type { Scene } from './scene.ts'

/** One fault, how it is made, and what is expected of the sidecar while it lasts and when it ends. */
export interface Row {
  /** Short and unique in its table: the test's name begins with it. */
  readonly id: string
  /** What happens, in words, for the table. */
  readonly fault: string
  /** The kinds of provider that can meet it. Default: both. */
  readonly modes?: readonly Mode[]
  /** How the backend is set up, where it is not plain HTTP on 127.0.0.1. */
  readonly scene?: (t: Test) => Partial<Omit<SceneOptions, 'mode' | 'random'>>
  /** Makes the fault. May be called again after `end`, unless `once` is true. */
  readonly begin: (scene: Scene, t: Test) => void | Promise<void>
  /** Ends it. Default: the backend answers by the protocol again. */
  readonly end?: (scene: Scene) => void | Promise<void>
  /** Moves the clock on for as long as the fault lasts. Default: 10 min. */
  readonly lasts?: (scene: Scene) => Promise<void>
  /** How long before all outputs are judged, where waiting for longer brings none that are new. Default: as `lasts`. */
  readonly judgedAfter?: (scene: Scene) => Promise<void>
  /** It lasts for so long and no longer: for the worst case it is not prolonged until a further call has failed. */
  readonly isBrief?: boolean
  /** It cannot be made a second time in the same scene. */
  readonly once?: boolean
  /** The secret whose state is told. Default: `held`. */
  readonly affected?: string
  /** A secret whose state is told beside it, since the fault should not touch it. */
  readonly bystander?: string
  /** Nothing is told of a sidecar that starts meanwhile. */
  readonly needsPast?: boolean
  readonly expected: Expected
}

/** What has to be seen. The words are compared, the numbers are bounds. */
export interface Expected {
  /** What a caller gets for a secret that was held before: `200 stale`, `503 SIDEKEEP_SECRET_EXPIRED`. */
  readonly held?: Told
  /** What the first caller gets who asks for a secret under a pattern. */
  readonly first?: Told
  /** What `/readyz` says while the secrets held are held. */
  readonly ready?: Told
  /** What the log says: `kind reason` of each failed refresh, in the order of their first appearance. */
  readonly log?: readonly string[] | Readonly<Record<Mode, readonly string[]>>
  readonly bystander?: string
  /** What a caller of a sidecar that starts meanwhile gets for a secret of its configuration. */
  readonly start?: Told
  /** How many calls to the backend the fault may cost. */
  readonly callsAtMost?: number | Readonly<Record<Mode, number>>
  /** How soon after the end of the fault the secret must be fresh in its new version, in milliseconds. */
  readonly freshWithinMs?: number
  /** How soon after the end of the fault a sidecar that started meanwhile must be ready, in milliseconds. */
  readonly readyWithinMs?: number
}

type Told = string | Readonly<Record<Mode, string>>

/** What was seen of one fault with one kind of provider. */
export interface Observed {
  readonly held: string
  readonly first: string
  readonly ready: string
  readonly log: readonly string[]
  readonly bystander: string | undefined
  readonly calls: number
  /** From the end of the fault until the secret is fresh, in its new version, in milliseconds. */
  readonly typicalMs: number
  readonly worstMs: number
  /** Of a sidecar that was started during the fault; undefined where the fault cannot be met by one. */
  readonly start: { readonly held: string; readonly ready: string; readonly readyMs: number } | undefined
}

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute

/** What holds for a fault of which a row says nothing else. */
export const usual = {
  held: '200 stale',
  first: '503 SIDEKEEP_SECRET_NOT_LOADED',
  ready: '200',
  start: '503 SIDEKEEP_SECRET_NOT_LOADED',
  callsAtMost: { list: 40, keys: 100 },
  // Between two probes of a breaker that opened for *unavailable* there is a minute at the most.
  freshWithinMs: longestRecovery(5 * minute, minute) + callTimeout,
  // Whoever is refused meanwhile is not left waiting for as long as that.
  readyWithinMs: minute + 5 * second + callTimeout,
} as const satisfies Expected
