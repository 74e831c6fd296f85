import t from 'tap'
import { describe } from '../../src/commands/explain/describe.ts'
import type { Explained } from '../../src/commands/explain/explained.ts'
import { inPlainWords } from '../../src/commands/explain/plain-words.ts'
import { span } from '../../src/commands/explain/spans.ts'
import { startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { run } from '../support/process-child.ts'
import { startReadySidecar, token } from '../support/process-sidecar.ts'

const backend = await startBackend(t, {
  token,
  secrets: [
    ['db-password', { value: 'CANARY-db-password', version: '7' }],
    ['shared/a b', { value: 'CANARY-shared', version: '1' }],
  ],
})
const sidecar = await startReadySidecar(t, {
  config: {
    api: { listen: '127.0.0.1:0' },
    providers: {
      platform: { type: 'http', url: backend.url, token: { env: 'AUTH_TOKEN' } },
      // Port 9 is for discarding, and nothing of ours.
      nowhere: { type: 'http', url: 'http://127.0.0.1:9/secrets' },
    },
    secrets: {
      'db-password': { provider: 'platform', required: true, refresh: '10m', maxStale: '24h' },
      lost: { provider: 'nowhere' },
      'shared/*': { provider: 'platform' },
    },
  },
})
const env = { SIDEKEEP_API: sidecar.api }

t.test('it says how a secret is in a sentence, and everything in lines, never the value', async (t) => {
  const { code, stdout, stderr } = await run(t, ['explain', 'db-password'], { env })
  canaryGuard(t).noLeak('the explanation', stdout)
  t.match({ code, stderr }, { code: 0, stderr: '' })
  const [sentence = '', empty, ...lines] = stdout.trimEnd().split('\n')
  t.match(
    sentence,
    /^Fresh: the provider platform confirmed it [\d.]+ s ago\. Next refresh in \d+ (?:min|s)\.$/,
  )
  t.equal(empty, '')
  const told = new Map(lines.map((line) => [line.slice(0, 14).trim(), line.slice(14)]))
  t.match(Object.fromEntries(told), {
    name: 'db-password (required)',
    rule: 'db-password',
    provider: 'platform',
    key: 'db-password',
    state: 'fresh',
    version: '7',
    age: /^[\d.]+ s$/,
    refresh: 'every 10 min, served for 24 h without',
    'last success': /^\d{4}-\d\d-\d\dT.*Z \([\d.]+ s ago\)$/,
    'next attempt': /^\d{4}-.*Z \(in \d+ (?:min|s)\)$/,
    'served until': /^\d{4}-.*Z \(in \d+ h\)$/,
    breaker: 'closed',
    waiting: '0 for a fetch, 0 for a change',
  })
  t.notOk(told.has('lease'), 'what there is nothing of has no line')
})

t.test('a provider that cannot be reached is named, with the reason and the next attempt', async (t) => {
  await eventually('a failed attempt', async () => {
    const { failures } = (await sidecar.ask('/v1/explain/lost')).json()
    return Number(failures) > 0
  })
  const { code, stdout } = await run(t, ['explain', 'lost'], { env })
  t.equal(code, 0)
  t.match(stdout, /^Not loaded: it has not been fetched from the provider nowhere yet\. /)
  t.match(
    stdout,
    /The provider nowhere (has not confirmed it \(refused\)|is not being asked \(circuit-open\)): the last /,
  )
  t.match(stdout, /(Next attempt (in [\d.]+ (s|min)|now)\.|It is being fetched now\.)\n/)
  t.match(stdout, /^last failure +\d{4}-/m)
  t.match(stdout, /^ +unavailable \((refused|circuit-open)\): /m)
})

t.test('--json is the answer of the API as it is, also for names with spaces and slashes', async (t) => {
  const { code, stdout } = await run(t, ['explain', 'shared/a b', '--json'], { env })
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { name: 'shared/a b', rule: 'shared/*', provider: 'platform', waiters: 0 })
})

t.test('a secret that no rule names is exit code 1 with the code', async (t) => {
  t.match(await run(t, ['explain', 'nope'], { env }), {
    code: 1,
    stdout: '',
    stderr: /"nope".*\(SIDEKEEP_SECRET_NOT_FOUND\)/,
  })
})

t.test('without a name it is wrong usage', async (t) => {
  t.match(await run(t, ['explain'], { env }), { code: 78, stdout: '', stderr: /Name a secret\..*--help/ })
})

const now = Date.UTC(2026, 0, 1)
const at = (seconds: number): string => new Date(now + seconds * 1_000).toISOString()
const base: Explained = {
  name: 'db',
  rule: 'db',
  provider: 'platform',
  key: 'prod/db',
  field: null,
  state: 'fresh',
  required: false,
  version: '7',
  ageSeconds: 42,
  refreshSeconds: 600,
  freshSeconds: 600,
  maxStaleSeconds: 86_400,
  lease: null,
  fetchedAt: at(-42),
  lastSuccessAt: at(-42),
  lastError: null,
  failures: 0,
  nextAttemptAt: at(540),
  expiresAt: at(86_358),
  fetching: false,
  breaker: { state: 'closed', cause: null, nextProbeAt: null },
  callersWaiting: 0,
  waiters: 0,
}
const timeout = {
  kind: 'unavailable',
  reason: 'timeout',
  message: 'platform gave no answer within 5000 ms',
  at: at(-20),
} as const

const cases: [string, Partial<Explained>, string][] = [
  ['fresh', {}, 'Fresh: the provider platform confirmed it 42 s ago. Next refresh in 9 min.'],
  [
    'fresh, with a failure that is over',
    { lastError: timeout },
    'Fresh: the provider platform confirmed it 42 s ago. Next refresh in 9 min.',
  ],
  [
    'fresh, and failing',
    { lastError: timeout, failures: 1, nextAttemptAt: at(3) },
    'Fresh: the provider platform confirmed it 42 s ago. The provider platform has not confirmed it for 42 s (timeout): the last attempt failed. The last failure: platform gave no answer within 5000 ms. Next attempt in 3 s.',
  ],
  [
    'stale',
    { state: 'stale', lastSuccessAt: at(-420), lastError: timeout, failures: 4, nextAttemptAt: at(12) },
    'Stale: overdue, but still served; the provider platform confirmed it last 7 min ago. The provider platform has not confirmed it for 7 min (timeout): the last 4 attempts failed. The last failure: platform gave no answer within 5000 ms. Next attempt in 12 s.',
  ],
  [
    'expired, with an open breaker',
    {
      state: 'expired',
      lastSuccessAt: at(-180_000),
      lastError: {
        kind: 'denied',
        reason: 'denied',
        message: 'platform: the token is refused (status 401).',
        at: at(-20),
      },
      failures: 3,
      nextAttemptAt: at(2),
      breaker: { state: 'open', cause: 'denied', nextProbeAt: at(300) },
    },
    'Expired, and not served any more: the provider platform confirmed it last 2 d ago, and it is served for 24 h without that (maxStale), or until its lease ends. The provider platform has refused the credential (denied): the last 3 attempts failed. The last failure: platform: the token is refused (status 401). The provider platform refuses everything, so most calls are kept from it (its circuit breaker is open). Next attempt in 5 min.',
  ],
  [
    'not loaded, being fetched',
    {
      state: 'not-loaded',
      version: null,
      fetchedAt: null,
      lastSuccessAt: null,
      fetching: true,
      nextAttemptAt: null,
    },
    'Not loaded: it has not been fetched from the provider platform yet. It is being fetched now.',
  ],
  [
    'missing',
    {
      state: 'missing',
      version: null,
      lastSuccessAt: null,
      failures: 2,
      lastError: { kind: 'missing', reason: 'not-found', message: 'x', at: at(-1) },
      nextAttemptAt: at(60),
    },
    'Missing: the provider platform says that it has no "prod/db". Next attempt in 60 s.',
  ],
  [
    'missing when it was last asked for, and an outage since',
    {
      state: 'missing',
      version: null,
      lastSuccessAt: null,
      failures: 2,
      lastError: timeout,
      nextAttemptAt: at(60),
    },
    'Missing: the provider platform says that it has no "prod/db". The provider platform has not confirmed it (timeout): the last 2 attempts failed. The last failure: platform gave no answer within 5000 ms. Next attempt in 60 s.',
  ],
  [
    'undiscovered',
    { state: 'undiscovered', version: null, lastSuccessAt: null, nextAttemptAt: null },
    'Not fetched: a pattern names it and nobody has asked for it yet; the first read fetches it.',
  ],
  [
    'healthy itself, with a breaker that tries',
    { breaker: { state: 'half-open', cause: 'unavailable', nextProbeAt: null } },
    'Fresh: the provider platform confirmed it 42 s ago. The provider platform has failed too often; one call is trying it now. Next refresh in 9 min.',
  ],
]
for (const [what, more, expected] of cases) {
  t.test(`in plain words: ${what}`, async (t) => {
    t.equal(inPlainWords({ ...base, ...more }, now), expected)
  })
}

t.test('of a list that is not believed nobody is told that the provider did not answer', async (t) => {
  const lastError = { ...timeout, reason: 'vanished', message: 'platform: its list lacks 3 of 3.' }
  t.notMatch(inPlainWords({ ...base, lastError, failures: 1 }, now), /has not answered/)
})

t.test('of what is leased it tells the lease, and neither refresh nor maxStale', async (t) => {
  const lines = describe({ ...base, lease: { renewable: false, endsAt: at(3_558) } }, now)
  t.match(lines, /^lease +not renewable, until \S+ \(in 59 min\)$/m)
  t.notMatch(lines, /^refresh/m)
})

t.test('an interval that the provider shortens is told with the one of the rule', async (t) => {
  t.match(
    describe({ ...base, freshSeconds: 30 }, now),
    "every 30 s (the provider's ttl; the rule says 10 min), served for 24 h without",
  )
})

t.test('spans are told in a unit that fits', async (t) => {
  const told = [0, 0.05, 0.25, 1, 59, 119, 120, 7_199, 7_200, 86_400, 172_800].map(span)
  t.strictSame(told, [
    '0 s',
    '0.1 s',
    '0.2 s',
    '1 s',
    '59 s',
    '119 s',
    '2 min',
    '119 min',
    '2 h',
    '24 h',
    '2 d',
  ])
})
