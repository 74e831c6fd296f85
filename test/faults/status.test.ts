import t from 'tap'
import { longestRecovery } from '../../src/secrets/backoff.ts'
import { answer } from '../support/backend.ts'
import { faultMatrix } from './support/matrix.ts'
import { type Expected, hour, minute, type Row, second } from './support/row.ts'

const html = { 'content-type': 'text/html' }

/** The backend answers everything with this status, a body that says too much, and these headers. */
function status(
  code: number,
  fault: string,
  expected: Expected,
  headers: Record<string, string> = html,
  more: Partial<Row> = {},
): Row {
  return {
    id: `${code}${more.id === undefined ? '' : `-${more.id}`}`,
    fault,
    begin({ backend }) {
      backend.handler = answer(code, '<p>CANARY-in-the-error-page</p>', headers)
    },
    expected,
    ...(more.modes === undefined ? {} : { modes: more.modes }),
  }
}

const unavailable = { log: ['unavailable status', 'breaker opens'] }
// A breaker that opened for *denied* is probed after ten minutes at the longest.
const denied = {
  log: ['denied denied', 'breaker opens'],
  freshWithinMs: longestRecovery(5 * minute, 10 * minute),
  readyWithinMs: 10 * minute + 5 * second,
}
const throttled = { log: ['throttled throttled'], readyWithinMs: 2 * minute + 5 * second }
const redirect = { log: ['unavailable redirect', 'breaker opens'] }
const rows: readonly Row[] = [
  status(401, '401 to everything', denied),
  status(403, '403 to everything', denied),
  status(404, '404 for the list', unavailable, html, { modes: ['list'], id: 'list' }),
  status(
    404,
    '404 for every key',
    {
      held: '404 SIDEKEEP_SECRET_NOT_FOUND',
      first: '404 SIDEKEEP_SECRET_NOT_FOUND',
      ready: '503',
      start: '404 SIDEKEEP_SECRET_NOT_FOUND',
      log: [],
      readyWithinMs: 5 * minute,
    },
    html,
    { modes: ['keys'], id: 'key' },
  ),
  status(429, '429', throttled),
  status(429, '429 with `Retry-After: 120`', throttled, { 'retry-after': '120' }, { id: 'seconds' }),
  {
    id: '429-date',
    fault: '429 with a `Retry-After` that is the date of 2 min later',
    begin({ backend, clock }) {
      backend.handler = (request, response) => {
        const date = new Date(clock.wall() + 2 * minute).toUTCString()
        answer(429, 'CANARY-in-the-error-page', { 'retry-after': date })(request, response)
      }
    },
    expected: throttled,
  },
  status(
    429,
    '429 with a `Retry-After` that is nonsense',
    throttled,
    { 'retry-after': 'soon' },
    { id: 'nonsense' },
  ),
  status(
    429,
    '429 with a `Retry-After` of a year',
    { ...throttled, freshWithinMs: hour + second, readyWithinMs: hour + second },
    { 'retry-after': String(365 * 24 * 3600) },
    { id: 'year' },
  ),
  status(500, '500', unavailable),
  status(503, '503', unavailable),
  status(
    503,
    '503 with `Retry-After: 120`',
    {
      log: { list: ['unavailable status'], keys: ['unavailable status', 'breaker opens'] },
      readyWithinMs: 2 * minute + 5 * second,
    },
    { 'retry-after': '120' },
    { id: 'seconds' },
  ),
  status(204, '204 instead of secrets', unavailable),
  {
    ...status(307, 'a redirect to another origin', redirect, { location: 'http://127.0.0.1:9/CANARY-path' }),
    id: 'redirect-elsewhere',
  },
]

await faultMatrix(t, 'status', rows)
