import type { FastifyReply } from 'fastify'
import { CodedError } from '../errors.ts'
import type { CacheResult } from '../observability/metrics-state.ts'
import type { Reading } from '../secrets/reading.ts'
import type { Form } from '../secrets/rendition.ts'
import { noneMatchFails } from './conditional.ts'
import { wholeSeconds } from './item.ts'
import type { Told } from './recording.ts'
import { tell } from './recording.ts'
import { unreadable } from './refusals.ts'
import type { ApiRequest } from './respond.ts'
import { send } from './respond.ts'

/** What a caller wants of a secret. */
export interface Wanted {
  readonly name: string
  readonly form: Form
  readonly field: string | undefined
}

/**
 * Answers with the value, or 304 where the caller holds it.
 *
 * @param extra further headers, names and values in turn
 * @throws the error to answer where there is no value
 */
export function answerSecret(
  request: ApiRequest,
  reply: FastifyReply,
  { name, form, field }: Wanted,
  reading: Reading,
  extra?: readonly string[],
): void {
  if (reading.kind !== 'held') {
    tell(request, toldOf(reading))
    throw unreadable(name, reading)
  }
  const { rendition, secret, state, ageMs } = reading
  const representation = rendition.represent(form, state, field)
  if (representation === undefined) throw new CodedError('SIDEKEEP_FIELD_NOT_FOUND', [name, field ?? ''])
  tell(request, { version: secret.version, state })
  const { contentType, etag } = representation
  const headers = [
    'ETag',
    etag,
    'Age',
    String(wholeSeconds(ageMs)),
    'Sidekeep-Version',
    secret.version,
    'Sidekeep-State',
    state,
    'Cache-Control',
    'no-store',
    'Vary',
    'Accept',
    'X-Content-Type-Options',
    'nosniff',
  ]
  if (extra !== undefined) headers.push(...extra)
  const condition = request.headers['if-none-match']
  if (condition !== undefined && noneMatchFails(condition, etag, (tag) => rendition.matches(tag, form))) {
    send(request, reply, 304, headers)
    rendition.sent(representation)
    return
  }
  const body = representation.reveal()
  headers.push('Content-Type', contentType, 'Content-Length', String(body.length))
  send(request, reply, 200, headers, body, { value: { rendition, representation } })
}

function toldOf({ kind }: Exclude<Reading, { kind: 'held' }>): Told {
  return { version: undefined, state: kind === 'expired' || kind === 'not-loaded' ? kind : undefined }
}

/**
 * Whether a reading is what a caller waits for, who may hold a version already (`condition`: If-None-Match): another
 * version, or the news that there is none. Not loaded and expired may still become one.
 */
export function isAnswer(reading: Reading, { form, field }: Wanted, condition: string | undefined): boolean {
  if (reading.kind === 'not-found') return true
  if (reading.kind !== 'held') return false
  if (condition === undefined) return true
  const { rendition, state } = reading
  const representation = rendition.represent(form, state, field)
  if (representation === undefined) return true
  rendition.sent(representation)
  return !noneMatchFails(condition, representation.etag, (tag) => rendition.matches(tag, form))
}

/** How a read met the cache, for the metrics. */
export function resultOf(reading: Reading): CacheResult {
  switch (reading.kind) {
    case 'held':
      return reading.state === 'fresh' ? 'hit' : 'stale'
    case 'not-loaded':
      return 'not_loaded'
    case 'expired':
      return 'expired'
    case 'undiscovered':
      return 'miss'
    case 'not-found':
      return 'not_found'
  }
}
