import type { FastifyRequest } from 'fastify'
import type { ErrorCode } from '../errors.ts'
import { judge, quotaOf } from '../limits/gcra.ts'
import type { Clock } from '../secrets/clock.ts'
import type { SecretState } from '../secrets/reading.ts'
import type { Audit, AuditedAction } from './ports.ts'

/** How a secret stands, as an answer tells it. */
export interface Told {
  readonly version: string | undefined
  readonly state: SecretState | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** How the audit calls what the route does; undefined where it is no access to a secret, and where no route took it. */
    action: AuditedAction | undefined
    /** What the answer tells of a secret, for the audit. */
    told: Told | undefined
  }
}

/**
 * How many attempts of those who were not let in are recorded: a burst, and so many a second. Their answers carry no value,
 * and whoever can connect can make as many as it likes: the record must not be theirs to fill a disk with.
 */
export const strangers = { burst: 100, perSecond: 10 }
const quota = quotaOf(strangers.perSecond, strangers.burst)

/** Records the accesses of one listener. */
export class Recorder {
  readonly #audit: Audit
  readonly #listener: string
  readonly #clock: Clock
  /** The theoretical arrival time of strangers (`limits/gcra.ts`). */
  #tat = 0
  /** Attempts of strangers that were not recorded since one was. */
  #withheld = 0

  /** @param listener its address, as the configuration writes it */
  constructor(audit: Audit, listener: string, clock: Clock) {
    this.#audit = audit
    this.#listener = listener
    this.#clock = clock
  }

  get isOn(): boolean {
    return this.#audit.isOn
  }

  /**
   * Records a request with its answer, where it is an access to a secret or was to become one.
   *
   * @returns what the answer has to wait for, as `Audit.record` says; undefined where it may go at once
   */
  record(request: FastifyRequest, status: number, code?: ErrorCode): Promise<void> | undefined {
    const asked = askedOf(request)
    if (asked === undefined) return undefined
    const { caller, told } = request
    const withheld = this.#withheld
    if (caller === undefined) {
      const { allowed, tat } = judge(quota, this.#tat, this.#clock.now())
      this.#tat = tat
      if (!allowed) {
        this.#withheld += 1
        this.#audit.withhold()
        return undefined
      }
      this.#withheld = 0
    }
    return this.#audit.record({
      ...asked,
      caller: caller?.name,
      listener: caller?.listener ?? this.#listener,
      status,
      code,
      version: told?.version,
      state: told?.state,
      ...(caller === undefined && withheld > 0 ? { withheld } : {}),
    })
  }
}

/** Notes what the answer tells of a secret. */
export function tell(request: FastifyRequest, told: Told): void {
  if (request.server.exchange.recorder?.isOn) request.told = told
}

interface Asked {
  readonly action: AuditedAction
  readonly name: string | null
}

function askedOf(request: FastifyRequest): Asked | undefined {
  const { action, meter, params } = request
  if (action !== undefined) return { action, name: wildcardOf(params) ?? null }
  // A route that is no access to a secret.
  if (meter !== undefined) return undefined
  return askedByPath(request.raw.url ?? '')
}

/** What stands for `*` in the route, decoded once. */
function wildcardOf(params: unknown): string | undefined {
  if (typeof params !== 'object' || params === null || !('*' in params)) return undefined
  return typeof params['*'] === 'string' ? params['*'] : undefined
}

const actions: ReadonlyMap<string, AuditedAction> = new Map([
  ['secrets', 'read'],
  ['refresh', 'refresh'],
  ['rejected', 'rejected'],
  ['explain', 'explain'],
  ['events', 'watch'],
])

/**
 * What no route took may be the attempt at a secret, or at the sidecar's end, all the same: with another method, with broken
 * escapes, or with a spelling that others take for the same path (`//quitquitquit`, `/quitquitquit/`, `/%71uitquitquit`).
 * The target may have any form (RFC 9112, section 3.2), and be wrong in the rest.
 */
function askedByPath(url: string): Asked | undefined {
  const [, path = ''] = /^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(url) ?? []
  const [top, below] = partsOf(path)
  if (top === 'quitquitquit' && onlySlashes.test(below)) return { action: 'quit', name: null }
  if (top !== 'v1') return undefined
  const [place, name] = partsOf(below)
  const action = actions.get(place)
  if (action === undefined) return undefined
  if (name === '') return { action: action === 'read' ? 'list' : action, name: null }
  return { action, name: decoded(name) }
}

const onlySlashes = /^(?:\/|%2f)*$/i

/** The first part of a path, as it is meant, and what follows the slash behind it, as it stands. */
function partsOf(path: string): readonly [first: string, rest: string] {
  const [, first = '', rest = ''] = /^(?:\/|%2f)*(.*?)(?:(?:\/|%2f)(.*))?$/is.exec(path) ?? []
  return [decoded(first).toLowerCase(), rest]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
