/** What is asked so that every output of the listeners is seen, the answers to what is wrong among them. */
import type { OperationId } from '../../../src/api/routes/route.ts'
import type { Who } from './callers.ts'

export interface Question {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  readonly path: string
  /** Default: `all`, who may do everything. */
  readonly as?: Who
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The one kind of answer whose body may carry a value, where it is 200. */
  readonly asksForValue?: true
  /** The answer does not end by itself. */
  readonly isStream?: true
}

/** A question with the answer to it, where that does not depend on the fault. */
export interface Refused extends Question {
  readonly status: number
}

/** How long a read waits for a change, in milliseconds: of a length that nothing else has. */
export const waitTime = 7_001

const any = { 'if-none-match': '*' }
const json = { 'content-type': 'application/json' }

const probe = (path: string, check: string) => ({
  whole: [{ path }, { path: `${path}?verbose&exclude=none` }],
  check: [{ path: `${path}/${check}?verbose` }, { path: `${path}/none` }],
})
const [live, healthy] = [probe('/livez', 'event-loop'), probe('/healthz', 'event-loop')]
const started = probe('/startupz', 'required-secrets-loaded')
const ready = probe('/readyz', 'required-secrets-held')

/**
 * Every operation of the api, in the order in which they are asked: first those that make the provider be called, so that
 * what comes of that is in what the others say. What is a GET is asked as a HEAD too. The secrets are those of the fault
 * matrix, and `absent`, which no rule names.
 */
export const questions: Readonly<Record<OperationId, readonly Question[]>> = {
  watchEvents: [
    { path: '/v1/events', isStream: true },
    { path: '/v1/events?name=held', isStream: true, headers: { 'last-event-id': 'CANARY-unknown' } },
  ],
  refreshSecret: [
    { method: 'POST', path: '/v1/refresh/held', body: 'CANARY-body' },
    { method: 'POST', path: '/v1/refresh/new/one' },
    { method: 'POST', path: '/v1/refresh/absent' },
  ],
  rejectSecret: [
    // Whoever sends the value in place of its version must not find it anywhere.
    { method: 'POST', path: '/v1/rejected/held', headers: json, body: '{"version":"CANARY-held-1"}' },
    { method: 'POST', path: '/v1/rejected/held', headers: json, body: '{"version":"2"}' },
    { method: 'POST', path: '/v1/rejected/held', headers: json, body: '{"version":"CANARY-unended' },
    { method: 'POST', path: '/v1/rejected/held', headers: json, body: '{"value":"CANARY-member"}' },
    {
      method: 'POST',
      path: '/v1/rejected/held',
      headers: { 'content-type': 'text/x-canary' },
      body: 'CANARY-x',
    },
  ],
  refreshSecrets: [{ method: 'POST', path: '/v1/refresh' }],
  getSecret: [
    { path: '/v1/secrets/held', asksForValue: true },
    { path: '/v1/secrets/held?format=raw', asksForValue: true },
    { path: '/v1/secrets/held?field=/password', asksForValue: true },
    { path: '/v1/secrets/held?refresh=true', asksForValue: true },
    { path: '/v1/secrets/held', headers: any },
    { path: `/v1/secrets/held?wait=${waitTime}ms`, headers: any },
    { path: '/v1/secrets/other-1', as: 'few', asksForValue: true },
    { path: '/v1/secrets/new/one', asksForValue: true },
    { path: '/v1/secrets/absent' },
  ],
  listSecrets: [{ path: '/v1/secrets' }, { path: '/v1/secrets?prefix=h' }],
  explainSecret: [
    { path: '/v1/explain/held' },
    { path: '/v1/explain/new/one' },
    { path: '/v1/explain/absent' },
  ],
  live: live.whole,
  liveCheck: live.check,
  healthy: healthy.whole,
  healthyCheck: healthy.check,
  started: started.whole,
  startedCheck: started.check,
  ready: ready.whole,
  readyCheck: ready.check,
  getMetrics: [{ path: '/metrics' }],
  getOpenApi: [{ path: '/openapi.json' }],
  // Last: where it is allowed, it is the end.
  quit: [{ method: 'POST', path: '/quitquitquit', body: 'CANARY-body' }],
}

/** What the door and the routes refuse, whatever the fault, where callers are told apart. */
export const refusals: readonly Refused[] = [
  { path: '/v1/secrets/held', as: 'nobody', status: 401 },
  { path: '/v1/secrets/held', as: 'stranger', status: 401 },
  {
    path: '/v1/secrets',
    as: 'nobody',
    headers: { authorization: 'Basic Q0FOQVJZLXVzZXI6cGFzcw==' },
    status: 401,
  },
  { path: '/v1/secrets', headers: { 'x-sidekeep-token': 'CANARY-another-token' }, status: 400 },
  // RFC 6750, section 2.3: a token in the query is logged everywhere, and is not taken here.
  { path: '/v1/secrets?access_token=CANARY-in-the-query', status: 400 },
  { path: '/v1/secrets/held?format=CANARY-format', status: 400 },
  { path: '/v1/secrets/held?wait=CANARY-wait', status: 400 },
  { path: '/v1/secrets', headers: { 'x-forwarded-for': 'CANARY-forwarded' }, status: 400 },
  { path: '/v1/secrets', headers: { host: 'elsewhere.test' }, status: 421 },
  { path: '/v1/secrets', headers: { origin: 'https://elsewhere.test' }, status: 403 },
  { path: '/v1/secrets/held', as: 'few', status: 403 },
  { path: '/v1/secrets', as: 'few', status: 403 },
  { path: '/metrics', as: 'few', status: 403 },
  { path: '/v1/nothing', status: 404 },
  { path: '/v1/secrets/held', method: 'DELETE', status: 405 },
  { path: '/v1/refresh/held', method: 'GET', status: 405 },
  { path: `/v1/secrets?prefix=CANARY-${'x'.repeat(256)}`, status: 400 },
  { path: `/v1/secrets?prefix=CANARY-${'x'.repeat(8_192)}`, status: 414 },
  { path: '/v1/refresh', method: 'POST', body: `CANARY-${'x'.repeat(1_024)}`, status: 413 },
  { path: '/v1/secrets', headers: { cookie: `CANARY-${'x'.repeat(16_384)}` }, status: 431 },
]

/** Of somebody whose `limit` is one: the second is one too many. */
export const limited: readonly Refused[] = [
  { path: '/v1/secrets', as: 'limited', status: 200 },
  { path: '/v1/secrets', as: 'limited', status: 429 },
]
