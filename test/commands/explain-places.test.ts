import t from 'tap'
import { describe } from '../../src/commands/explain/describe.ts'
import type { Explained } from '../../src/commands/explain/explained.ts'
import { inPlainWords } from '../../src/commands/explain/plain-words.ts'

const now = Date.parse('2026-01-01T00:10:00.000Z')
const closed = { state: 'closed', cause: null, nextProbeAt: null } as const

const fresh: Explained = {
  name: 'a',
  rule: 'a',
  provider: 'p',
  key: 'a',
  field: null,
  state: 'fresh',
  required: false,
  version: 'h-1',
  ageSeconds: 60,
  refreshSeconds: 600,
  freshSeconds: 600,
  maxStaleSeconds: 3_600,
  lease: null,
  fetchedAt: '2026-01-01T00:09:00.000Z',
  lastSuccessAt: '2026-01-01T00:09:00.000Z',
  lastError: null,
  failures: 0,
  nextAttemptAt: '2026-01-01T00:15:00.000Z',
  expiresAt: null,
  fetching: false,
  breaker: closed,
  callersWaiting: 0,
  waiters: 0,
}

t.test('a secret with a fallback is explained with all its places and who serves', async (t) => {
  const failure = {
    kind: 'unavailable',
    reason: 'timeout',
    message: 'vault gave no answer within 5 s',
    at: '2026-01-01T00:09:00.000Z',
  } as const
  const open = { state: 'open', cause: 'unavailable', nextProbeAt: '2026-01-01T00:10:30.000Z' } as const
  const explained: Explained = {
    ...fresh,
    provider: 'spare',
    fallback: [
      { provider: 'vault', key: 'a', field: 'pw', serves: false, lastError: failure, breaker: open },
      { provider: 'spare', key: 'x', field: null, serves: true, lastError: null, breaker: closed },
    ],
  }
  t.equal(
    inPlainWords(explained, now),
    'Fresh: the provider spare confirmed it 60 s ago. It is from spare in place of vault, which was unavailable (timeout: vault gave no answer within 5 s). Next refresh in 5 min.',
  )
  t.match(
    describe(explained, now),
    /asked {9}vault "a", field "pw", breaker open \(unavailable\), next call in 30 s: unavailable \(timeout\) 60 s ago: vault gave no answer within 5 s\nthen {10}spare "x", serves\n/,
  )
})

t.test('a composed secret is explained by its parts', async (t) => {
  const parts = [
    { name: 'user', state: 'fresh', version: 'h-2', ageSeconds: 60 },
    { name: 'password', state: 'not-loaded', version: null, ageSeconds: null },
  ]
  const explained: Explained = { ...fresh, provider: null, key: null, parts }
  t.equal(
    inPlainWords(explained, now),
    'Fresh: the oldest of its parts was confirmed 60 s ago. Next refresh in 5 min.',
  )
  const lines = describe(explained, now)
  t.match(lines, /made of {7}user: fresh, version h-2, 60 s old\n {14}password: not-loaded\n/)
  t.notMatch(lines, /^(provider|key|breaker|refresh) /m)
  t.match(
    inPlainWords({ ...explained, state: 'not-loaded' }, now),
    /^Not loaded: .* waiting for "password"\./,
  )
  const lastError = {
    kind: 'unavailable',
    reason: 'malformed',
    message: 'it cannot be composed: the value of "user" is no text',
    at: '2026-01-01T00:09:00.000Z',
  } as const
  t.match(
    inPlainWords({ ...explained, state: 'stale', failures: 2, lastError }, now),
    /^Stale, but still served: .* It could not be composed anew: it cannot be composed: the value of "user" is no text\. Next attempt/,
  )
})
