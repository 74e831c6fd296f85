import type { FastifyReply } from 'fastify'
import { CodedError } from '../../errors.ts'
import type { CacheResult } from '../../observability/metrics-state.ts'
import type { Reading } from '../../secrets/reading.ts'
import type { Form } from '../../secrets/rendition.ts'
import { noneMatchFails } from '../conditional.ts'
import { within } from '../deadline.ts'
import { wholeSeconds } from '../item.ts'
import { negotiate } from '../negotiate.ts'
import type { ApiDeps } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { refreshRefusal, refreshTimedOut, unreadable } from '../refusals.ts'
import type { ApiRequest } from '../respond.ts'
import { send } from '../respond.ts'
import type { Route } from './route.ts'

const query = {
  format: {
    type: 'string',
    enum: ['json', 'raw'],
    description: 'The form of the answer; without it the header Accept decides.',
  },
  field: {
    type: 'string',
    maxLength: 1_024,
    description:
      'Picks from a JSON value: a member of the object (`password`) or a JSON Pointer (`/db/password`).',
  },
  refresh: { type: 'boolean', description: 'Fetches the secret from its provider first.' },
} as const

type SecretDeps = Pick<ApiDeps, 'cache' | 'refresher' | 'metrics' | 'clock' | 'config'>

/** `GET /v1/secrets/{name}`: the value. From memory, unless it was never fetched or a refresh is asked for. */
export function secretRoute({ cache, refresher, metrics, clock, config }: SecretDeps): Route {
  async function demanded(name: string): Promise<Reading> {
    metrics.cacheRead('miss')
    return await refresher.demand(name, config.demandTimeout)
  }

  async function refreshed(request: ApiRequest, name: string): Promise<Reading> {
    metrics.cacheRead('bypass')
    await request.server.admitRefresh(request, { name, isKnown: cache.status(name) !== undefined })
    const result = await within(clock, config.refreshTimeout, refresher.refresh(name))
    if (result === undefined) throw refreshTimedOut(name, `no answer within ${config.refreshTimeout} ms`)
    const refusal = refreshRefusal(name, result)
    if (refusal !== undefined) throw refusal
    return cache.read(name)
  }

  return {
    id: 'getSecret',
    method: 'GET',
    url: '/v1/secrets/*',
    path: '/v1/secrets/{name}',
    skipsDoor: false,
    query,
    problems: [
      'SIDEKEEP_BAD_REQUEST',
      'SIDEKEEP_SECRET_NOT_FOUND',
      'SIDEKEEP_FIELD_NOT_FOUND',
      'SIDEKEEP_SECRET_NOT_LOADED',
      'SIDEKEEP_SECRET_EXPIRED',
      'SIDEKEEP_RATE_LIMITED',
      'SIDEKEEP_REFRESH_FAILED',
      'SIDEKEEP_REFRESH_THROTTLED',
      'SIDEKEEP_REFRESH_TIMED_OUT',
      'SIDEKEEP_SHUTTING_DOWN',
    ],
    handle(request, reply) {
      const name = request.params['*'] ?? ''
      const { format = negotiate(request.headers.accept), field, refresh } = parseQuery(query, request.query)
      if (refresh === true) {
        return refreshed(request, name).then((reading) =>
          answer(request, reply, { name, form: format, field }, reading),
        )
      }
      const reading = cache.read(name)
      if (reading.kind === 'undiscovered') {
        return demanded(name).then((fetched) =>
          answer(request, reply, { name, form: format, field }, fetched),
        )
      }
      metrics.cacheRead(resultOf(reading))
      answer(request, reply, { name, form: format, field }, reading)
      return undefined
    },
  }
}

interface Wanted {
  readonly name: string
  readonly form: Form
  readonly field: string | undefined
}

function answer(
  request: ApiRequest,
  reply: FastifyReply,
  { name, form, field }: Wanted,
  reading: Reading,
): void {
  if (reading.kind !== 'held') throw unreadable(name, reading)
  const { rendition, secret, state, ageMs } = reading
  const representation = rendition.represent(form, state, field)
  if (representation === undefined) throw new CodedError('SIDEKEEP_FIELD_NOT_FOUND', [name, field ?? ''])
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
  const condition = request.headers['if-none-match']
  if (condition !== undefined && noneMatchFails(condition, etag, (tag) => rendition.matches(tag, form))) {
    send(request, reply, 304, headers)
    return
  }
  const body = representation.reveal()
  headers.push('Content-Type', contentType, 'Content-Length', String(body.length))
  send(request, reply, 200, headers, body)
}

function resultOf(reading: Reading): CacheResult {
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
