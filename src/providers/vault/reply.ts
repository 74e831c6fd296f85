import { isJsonObject, jsonNumber, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'

/** What answers of Vault have in common. Durations are milliseconds. */
export interface Envelope {
  readonly data: Record<string, unknown> | undefined
  readonly auth: Record<string, unknown> | undefined
  /** Empty where there is no lease. */
  readonly leaseId: string
  readonly leaseMs: number
  readonly renewable: boolean
}

export interface ReplyHead {
  readonly status: number
  /** How messages name the request. */
  readonly place: string
  readonly retryAfterMs: number | undefined
  /** When the request was sent, on the monotonic clock: what the answer says of times counts from then. */
  readonly askedAt: number
}

/** An answer of Vault, whatever its status. What an error says can be matched, and never be shown. */
export class Reply implements ReplyHead {
  readonly status: number
  readonly place: string
  readonly retryAfterMs: number | undefined
  readonly askedAt: number
  /** Whether the body has the form of Vault's, rather than that of something between. */
  readonly isVaults: boolean
  /** Whether Vault says that nothing is there: with `errors: []` and nothing else, as no API of another form does. */
  readonly isNothing: boolean
  /** Whether Vault warns that the engine is of version 2, and has no paths such as the one asked for. */
  readonly isOfVersionedEngine: boolean
  readonly #envelope: Envelope | undefined
  readonly #errors: readonly string[]

  /** Throws `Malformed` where an answer with data cannot be read. */
  constructor(head: ReplyHead, body: Buffer) {
    this.status = head.status
    this.place = head.place
    this.retryAfterMs = head.retryAfterMs
    this.askedAt = head.askedAt
    const json = bodyOf(body, this.isSuccess)
    const errors = json !== undefined && Object.hasOwn(json, 'errors') ? json.errors : undefined
    this.isVaults = json !== undefined && (this.isSuccess || isTexts(errors))
    this.isNothing = this.status === 404 && Array.isArray(errors) && errors.length === 0
    this.isOfVersionedEngine =
      this.status === 404 && isTexts(json?.warnings) && json.warnings.some(tellsOfVersions)
    this.#errors = textsOf(errors)
    this.#envelope = json === undefined ? undefined : envelopeOf(json)
  }

  get isSuccess(): boolean {
    return this.status === 200 || this.status === 204
  }

  /** Nothing where the body is empty. */
  get envelope(): Envelope | undefined {
    return this.#envelope
  }

  /** Whether one of its errors fits, to find out which of the failures that share a status it is. */
  says(pattern: RegExp): boolean {
    return this.#errors.some((text) => pattern.test(text))
  }
}

function bodyOf(body: Buffer, isSuccess: boolean): Record<string, unknown> | undefined {
  if (body.length === 0) return undefined
  try {
    const json = parseJson(body)
    if (isJsonObject(json)) return json
  } catch (error) {
    if (isSuccess || !(error instanceof Malformed)) throw error
    return undefined
  }
  if (isSuccess) throw new Malformed('it is no JSON object')
  return undefined
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}

/** What is matched against patterns is short, whatever was sent. */
function textsOf(errors: unknown): string[] {
  return isTexts(errors) ? errors.slice(0, 10).map((text) => text.slice(0, 1000)) : []
}

function tellsOfVersions(warning: string): boolean {
  return /versioned K\/V/i.test(warning.slice(0, 1000))
}

function envelopeOf(json: Record<string, unknown>): Envelope {
  return {
    data: isJsonObject(json.data) ? json.data : undefined,
    auth: isJsonObject(json.auth) ? json.auth : undefined,
    leaseId: typeof json.lease_id === 'string' ? json.lease_id : '',
    leaseMs: millisecondsOf(json.lease_duration),
    renewable: json.renewable === true,
  }
}

/** Seconds as Vault gives them; 0 where there are none, or nothing that could be some. */
export function millisecondsOf(seconds: unknown): number {
  const number = jsonNumber(seconds)
  return number !== undefined && Number.isFinite(number) && number > 0 ? number * 1000 : 0
}
