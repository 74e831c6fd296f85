import t, { type Test } from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { type Rule, Rules } from '../../src/secrets/rules.ts'
import { parseTemplate } from '../../src/secrets/template/parse.ts'
import {
  type Answer,
  denied,
  fetched,
  KeyBackend,
  ListBackend,
  missing,
  unavailable,
} from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { LeaseBackend } from '../support/lease-backend.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const composedOf = (name: string, template: string, more: Partial<Rule> = {}): Rule =>
  ruleOf(name, { provider: '', template: parseTemplate(template), ...more })

const dsn = composedOf('dsn', 'pg://{{ user }}:{{ password | urlencode }}@db')

/** A backend with a key for each answer; `dsn` is composed of `user` and `password` unless told else. */
function createWorld(
  t: Test,
  answers: Record<string, Answer>,
  rules = [ruleOf('user'), ruleOf('password'), dsn],
) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, (key) => answers[key] ?? missing())
  const held = new Map<string, string>()
  const rig = createRig(t, {
    rules,
    backend,
    clock,
    onValue: (name, secret) => {
      if (secret === undefined) held.delete(name)
      else held.set(name, secret.reveal().toString())
    },
  })
  rig.refresher.start()
  /** Loaded, and longer ago than the pause between two calls for the same. */
  const begin = (): Promise<void> => clock.advance(2 * second)
  return { ...rig, answers, backend, begin, held }
}

const login = (): Record<string, Answer> => ({ user: fetched('CANARY-u1'), password: fetched('CANARY-p/1') })

t.test('a secret is composed of others once all of them are there', async (t) => {
  const { cache, events, held, see } = createWorld(t, login())
  t.equal(see('dsn'), 'not-loaded')
  await settle()
  t.equal(see('dsn'), 'fresh pg://CANARY-u1:CANARY-p%2F1@db')
  t.match(cache.status('dsn'), { provider: undefined, state: 'fresh', declared: true, version: /^h-/ })
  t.match(
    events.of('loaded').filter(({ secret }) => secret === 'dsn'),
    [{ provider: undefined, declared: true }],
  )
  t.equal(held.get('dsn'), 'pg://CANARY-u1:CANARY-p%2F1@db', 'the log looks out for it')
})

t.test('a rotation of a part is a rotation of what is composed of it, in the same turn', async (t) => {
  const { answers, begin, cache, events, refresher, see } = createWorld(t, login())
  await begin()
  const seen: string[] = []
  events.onEvent = (event) => {
    if (event.what === 'called') seen.push(`${see('password')} ${see('dsn')}`)
  }
  answers.password = fetched('CANARY-p2')
  const before = cache.status('dsn')?.version
  await refresher.refresh('password')
  t.strictSame(
    seen,
    ['fresh CANARY-p2 fresh pg://CANARY-u1:CANARY-p2@db'],
    'before anybody is told of the call',
  )
  t.match(
    events.of('rotated').find(({ secret }) => secret === 'dsn'),
    { previousVersion: before, version: cache.status('dsn')?.version },
  )
})

t.test('it is as old as its oldest part, stale with the first and expires with the first', async (t) => {
  const rules = [
    ruleOf('user', { refreshMs: hour, maxStaleMs: 10 * hour }),
    ruleOf('password', { refreshMs: minute, maxStaleMs: 5 * minute }),
    dsn,
  ]
  const { answers, cache, clock, events, see } = createWorld(t, login(), rules)
  await settle()
  t.equal(cache.status('dsn')?.nextRefreshAt, cache.status('password')?.nextRefreshAt)
  t.equal(cache.status('dsn')?.expiresAt, cache.status('password')?.expiresAt)
  answers.user = unavailable()
  await clock.advance(30 * minute)
  t.equal(
    cache.status('dsn')?.ageMs,
    cache.status('user')?.ageMs,
    'confirmations of the other do not make it younger',
  )
  t.match(see('dsn'), /^fresh/)
  answers.password = denied()
  await clock.advance(2 * minute)
  t.match([see('user'), see('password'), see('dsn')], [/^fresh/, /^stale/, /^stale/])
  await clock.advance(5 * minute)
  t.match([see('user'), see('dsn')], [/^fresh/, 'expired'])
  answers.password = fetched('CANARY-p/1')
  await clock.advance(10 * minute)
  t.equal(see('dsn'), 'fresh pg://CANARY-u1:CANARY-p%2F1@db')
  t.strictSame(
    events.of('stateChanged').flatMap(({ secret, to }) => (secret === 'dsn' ? [to] : [])),
    ['fresh', 'stale', 'expired', 'fresh'],
  )
  t.strictSame(events.of('rotated'), [], 'the same parts make the same text')
})

t.test('it is missing when a part is, and comes back with it', async (t) => {
  const { answers, begin, clock, events, held, refresher, see } = createWorld(t, login())
  await begin()
  answers.user = missing()
  t.match(await refresher.refresh('dsn'), { outcome: 'not-found' })
  t.equal(see('dsn'), 'not-found')
  t.notOk(held.has('dsn'))
  await clock.advance(5 * minute)
  t.equal(
    events.of('stateChanged').filter(({ to, secret }) => to === 'missing' && secret === 'dsn').length,
    1,
  )
  answers.user = fetched('CANARY-u2')
  await clock.advance(2 * minute)
  t.equal(see('dsn'), 'fresh pg://CANARY-u2:CANARY-p%2F1@db')
})

t.test('while a part is not loaded it is not', async (t) => {
  const { answers, cache, clock, see } = createWorld(t, { ...login(), password: unavailable() })
  await settle()
  t.match(cache.read('dsn'), {
    kind: 'not-loaded',
    reason: 'a part of it is not loaded yet',
    retryAfterMs: Number,
  })
  answers.password = fetched('CANARY-p1')
  await clock.advance(minute)
  t.match(see('dsn'), /^fresh/)
})

t.test('fields of one key are never from two fetches', async (t) => {
  const rules = [
    ruleOf('user', { key: 'db', field: 'user' }),
    ruleOf('password', { key: 'db', field: 'password' }),
    dsn,
  ]
  const { begin, answers, cache, clock, events, refresher, see } = createWorld(
    t,
    { db: fetched('{"user":"CANARY-u1","password":"CANARY-p1"}') },
    rules,
  )
  await begin()
  t.equal(see('dsn'), 'fresh pg://CANARY-u1:CANARY-p1@db')
  answers.db = fetched('{"user":"CANARY-u2"}')
  t.match(await refresher.refresh('dsn'), { outcome: 'failed' })
  t.match(see('user'), 'fresh CANARY-u2')
  t.equal(see('dsn'), 'fresh pg://CANARY-u1:CANARY-p1@db', 'what was made before is kept')
  t.match(cache.entry('dsn')?.attempts, {
    failures: 1,
    lastFailure: /^parts of it that belong together are from two fetches, since /,
    lastError: { error: { message: /"user" and "password" are from two fetches of "db"/ } },
  })
  await clock.advance(2 * minute)
  t.match(see('dsn'), /^stale pg:..CANARY-u1:CANARY-p1@db/)
  t.equal(events.of('failed').filter(({ secrets }) => secrets.includes('dsn')).length, 1, 'told once')
  answers.db = fetched('{"user":"CANARY-u3","password":"CANARY-p3"}')
  await clock.advance(5 * minute)
  t.equal(see('dsn'), 'fresh pg://CANARY-u3:CANARY-p3@db')
  t.match(
    events.of('recovered').find(({ secrets }) => secrets.includes('dsn')),
    { provider: undefined },
  )
})

t.test('what is composed of composed secrets holds to the same', async (t) => {
  const rules = [
    ruleOf('user', { key: 'db', field: 'user' }),
    ruleOf('password', { key: 'db', field: 'password' }),
    composedOf('file', 'user={{ user }}\nurl={{ dsn }}'),
    dsn,
  ]
  const { clock, begin, answers, refresher, see } = createWorld(
    t,
    { db: fetched('{"user":"CANARY-u1","password":"CANARY-p1"}') },
    rules,
  )
  await begin()
  t.equal(see('file'), 'fresh user=CANARY-u1\nurl=pg://CANARY-u1:CANARY-p1@db')
  answers.db = fetched('{"user":"CANARY-u2"}')
  await refresher.refresh('file')
  t.equal(see('file'), 'fresh user=CANARY-u1\nurl=pg://CANARY-u1:CANARY-p1@db')
  answers.db = fetched('{"user":"CANARY-u3","password":"CANARY-p3"}')
  await clock.advance(2 * second)
  await refresher.refresh('user')
  t.equal(see('file'), 'fresh user=CANARY-u3\nurl=pg://CANARY-u3:CANARY-p3@db')
})

t.test('what cannot be composed is told with its reason, and never with a value', async (t) => {
  const faults: [Answer, RegExp, RegExp][] = [
    [
      fetched(Buffer.from([0xff, 0xfe])),
      /the value of "user" is no text: let base64 be its first filter/,
      /^it cannot be composed: a part of it does not fit its template$/,
    ],
    [
      fetched('CANARY-'.repeat(200_000)),
      /the text would have more than 1048576 bytes/,
      /the text would have more than 1048576 bytes/,
    ],
  ]
  for (const [user, message, reason] of faults) {
    const { answers, begin, cache, clock, events, refresher, see } = createWorld(t, { ...login(), user })
    await begin()
    t.match(cache.read('dsn'), { kind: 'not-loaded', reason })
    t.match(
      events.of('failed').find(({ secrets }) => secrets.includes('dsn')),
      { provider: undefined, attempt: 1, error: { kind: 'unavailable', message } },
    )
    t.match(refresher.explain('dsn'), { lastError: { message } })
    t.match(await refresher.refresh('dsn'), { outcome: 'failed', error: { message: reason } })
    t.notMatch(
      JSON.stringify(events.all.map((event) => ('error' in event ? String(event.error) : ''))),
      /CANARY/,
    )
    answers.user = fetched('CANARY-u2')
    await clock.advance(2 * minute)
    t.match(see('dsn'), /^fresh/)
  }
})

t.test('a refresh by its name refreshes its parts, each unit once', async (t) => {
  const rules = [
    ruleOf('user', { key: 'db', field: 'user' }),
    ruleOf('password', { key: 'db', field: 'password' }),
    ruleOf('host'),
    composedOf('dsn', '{{ user }}:{{ password }}@{{ host }}'),
  ]
  const answers = { db: fetched('{"user":"CANARY-u","password":"CANARY-p"}'), host: fetched('CANARY-h') }
  const { answers: all, backend, begin, clock, refresher } = createWorld(t, answers, rules)
  await begin()
  await clock.advance(2 * second)
  t.strictSame([backend.callsFor('db'), backend.callsFor('host')], [1, 1])
  t.match(await refresher.refresh('dsn'), { outcome: 'unchanged', status: { name: 'dsn' } })
  t.strictSame([backend.callsFor('db'), backend.callsFor('host')], [2, 2])
  all.host = fetched('CANARY-h2')
  await clock.advance(2 * second)
  t.match(await refresher.refresh('dsn'), { outcome: 'rotated' })
  await clock.advance(2 * second)
  all.host = unavailable()
  t.match(await refresher.refresh('dsn'), {
    outcome: 'failed',
    error: { reason: 'refused' },
    status: { name: 'dsn' },
  })
})

t.test('a refresh of all tells of it too, and one of it alone calls for its parts', async (t) => {
  const { answers, backend, clock, refresher } = createWorld(t, login(), [
    ruleOf('user'),
    ruleOf('password'),
    ruleOf('x'),
    dsn,
  ])
  await clock.advance(2 * second)
  answers.user = fetched('CANARY-u2')
  const all = await refresher.refreshAll()
  t.strictSame(
    all.map(({ name, result }) => [name, result.outcome]),
    [
      ['dsn', 'rotated'],
      ['password', 'unchanged'],
      ['user', 'rotated'],
      ['x', 'not-found'],
    ],
  )
  await clock.advance(2 * second)
  const calls = backend.callsFor('x')
  t.strictSame(
    (await refresher.refreshAll((name) => name === 'dsn')).map(({ name, result }) => [name, result.outcome]),
    [['dsn', 'unchanged']],
  )
  t.equal(backend.callsFor('x'), calls)
})

t.test('a version that is refused is fetched again by way of its parts', async (t) => {
  const { answers, backend, cache, clock, refresher } = createWorld(t, login())
  await clock.advance(2 * second)
  const version = cache.status('dsn')?.version ?? ''
  answers.password = fetched('CANARY-p2')
  const calls = backend.calls.length
  t.match(await refresher.rejected('dsn', version), { outcome: 'held', changed: true })
  t.equal(backend.calls.length, calls + 2)
  t.match(await refresher.rejected('dsn', version), { outcome: 'held', changed: true })
  t.equal(backend.calls.length, calls + 2, 'another one is held already')
  const now = cache.status('dsn')?.version ?? ''
  const answer = refresher.rejected('dsn', now)
  await clock.advance(second)
  t.match(await answer, { outcome: 'held', changed: false, version: now })
  t.match(await refresher.rejected('dsn', now), { outcome: 'held', changed: false })
  t.equal(backend.calls.length, calls + 4, 'one that stays is not asked for again at once')
})

t.test('one that is required makes its parts required', async (t) => {
  const rules = [ruleOf('user'), ruleOf('password'), ruleOf('x'), { ...dsn, required: true }]
  const { answers, cache, clock } = createWorld(t, { ...login(), password: unavailable() }, rules)
  await settle()
  t.match(cache.status('user'), { required: true })
  t.match(cache.status('x'), { required: false })
  t.notOk(cache.loadedRequired)
  answers.password = fetched('CANARY-p1')
  await clock.advance(minute)
  t.ok(cache.loadedRequired)
  t.ok(cache.required.held)
  t.match(new Rules(rules).find('password')?.rule.required, true)
})

t.test('explain names the parts and how they are', async (t) => {
  const { answers, clock, refresher } = createWorld(t, { ...login(), password: unavailable() })
  await settle()
  t.match(refresher.explain('dsn'), {
    provider: undefined,
    state: 'not-loaded',
    parts: [
      { name: 'user', state: 'fresh', version: /^h-/ },
      { name: 'password', state: 'not-loaded', version: undefined },
    ],
    nextAttemptAt: Number,
  })
  answers.password = fetched('CANARY-p1')
  await clock.advance(minute)
  t.match(refresher.explain('dsn'), { state: 'fresh', failures: 0, breaker: { state: 'closed' } })
})

t.test('a changed template is rendered at once, and one with a new part when that is there', async (t) => {
  const { cache, clock, events, refresher, see, sources } = createWorld(t, {
    ...login(),
    host: fetched('CANARY-h'),
  })
  await settle()
  const apply = (...rules: Rule[]): void => {
    const changed = new Rules([ruleOf('user'), ruleOf('password'), ...rules])
    cache.apply({ rules: changed, maxEntries: 1_000, maxBytes: 2 ** 20, missingTtlMs: 10_000 })
    refresher.apply({ rules: changed, sources })
  }
  apply(composedOf('dsn', '{{ user }}/{{ password }}'))
  t.equal(see('dsn'), 'fresh CANARY-u1/CANARY-p/1')
  t.equal(events.of('rotated').length, 1)
  apply(ruleOf('host'), composedOf('dsn', '{{ user }}@{{ host }}'))
  t.equal(see('dsn'), 'fresh CANARY-u1/CANARY-p/1', 'held until the new part is there')
  await clock.advance(second)
  t.equal(see('dsn'), 'fresh CANARY-u1@CANARY-h')
  apply(ruleOf('dsn', { key: 'user' }))
  await clock.advance(5 * second)
  t.equal(see('dsn'), 'fresh CANARY-u1', 'fetched from now on')
  t.match(cache.status('dsn'), { provider: 'p' })
  apply(composedOf('dsn', '<{{ user }}>'))
  t.equal(see('dsn'), 'fresh <CANARY-u1>', 'and composed again')
  apply()
  t.equal(see('dsn'), 'not-found')
  await clock.advance(10 * minute)
})

t.test('parts with a lease live for it, and so does what is composed of them', async (t) => {
  const clock = new VirtualClock()
  const backend = new LeaseBackend(clock, { durationMs: hour, renewable: true })
  const rules = [
    ruleOf('a', { key: 'db' }),
    ruleOf('b', { key: 'db' }),
    composedOf('both', '{{ a }} {{ b }}'),
  ]
  const { cache, refresher, see } = createRig(t, { rules, backend, clock })
  refresher.start()
  await settle()
  t.equal(cache.status('both')?.expiresAt, cache.status('a')?.expiresAt)
  await clock.advance(3 * hour)
  t.ok(backend.renewals.length > 2)
  t.equal(see('both'), 'fresh CANARY-db-1 CANARY-db-1')
  backend.renewing = () => new ProviderError('denied', 'denied', 'the lease is over')
  await clock.advance(3 * hour)
  t.match(see('both'), /^fresh CANARY-db-(\d+) CANARY-db-\1$/)
})

t.test('what expired while the process was suspended is waited for by way of the parts', async (t) => {
  const rules = [ruleOf('user', { maxStaleMs: 2 * minute }), ruleOf('password'), dsn]
  const { clock, refresher, cache } = createWorld(t, login(), rules)
  await clock.advance(second)
  clock.suspend(30 * minute)
  await settle()
  const advanced = clock.advance(1)
  await advanced
  const reading = await refresher.demand('dsn', 1_000)
  t.equal(reading.kind, 'held')
  t.match(cache.status('user'), { state: 'fresh' }, 'the part that had expired was fetched')
})

t.test('a list that brings all parts brings what is composed of them', async (t) => {
  const clock = new VirtualClock()
  let n = 1
  const backend = new ListBackend(
    clock,
    () =>
      new Map([
        ['user', fetched(`CANARY-${n}`)],
        ['password', fetched(`CANARY-${n}`)],
      ]),
  )
  const { events, refresher, see } = createRig(t, {
    rules: [ruleOf('user'), ruleOf('password'), composedOf('dsn', '{{ user }}:{{ password }}')],
    backend: new Map<string, Provider>([['p', backend]]),
    clock,
  })
  refresher.start()
  await settle()
  for (n = 2; n < 30; n++) {
    await clock.advance(minute)
    t.match(see('dsn'), /^fresh (CANARY-\d+):\1$/)
  }
  t.ok(events.of('rotated').filter(({ secret }) => secret === 'dsn').length > 20)
})

t.test('what nobody foresaw while it is composed is a failure of it alone', async (t) => {
  const { answers, begin, clock, events, refresher, see } = createWorld(t, login())
  await begin()
  events.mayBreak = true
  events.onEvent = (event) => {
    if (event.what === 'rotated' && event.secret === 'dsn') throw new Error('CANARY-thrown')
  }
  answers.user = fetched('CANARY-u2')
  t.match(await refresher.refresh('user'), { outcome: 'rotated' })
  t.match(events.of('broke'), [{ provider: undefined }])
  t.match(events.of('failed'), [
    { secrets: ['dsn'], error: { reason: 'internal', message: /by a fault of Sidekeep/ } },
  ])
  events.onEvent = () => {}
  await clock.advance(5 * minute)
  t.match(see('user'), /^fresh/)
  t.match(see('dsn'), /^fresh pg:..CANARY-u2/)
})

t.test('a value that is replaced is overwritten, and so is all at the end', async (t) => {
  const { answers, begin, cache, refresher, stop } = createWorld(t, login())
  await begin()
  const first = cache.entry('dsn')?.held?.secret.reveal()
  answers.user = fetched('CANARY-u2')
  await refresher.refresh('user')
  await settle()
  t.ok(first?.every((byte) => byte === 0))
  const second = cache.entry('dsn')?.held?.secret.reveal()
  await stop()
  t.ok(second?.every((byte) => byte === 0))
})
