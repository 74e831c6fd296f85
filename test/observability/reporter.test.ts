import { Writable } from 'node:stream'
import t from 'tap'
import { createLog } from '../../src/observability/log.ts'
import { createReporter } from '../../src/observability/reporter.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { SecretState } from '../../src/secrets/reading.ts'

async function reported(level: string) {
  const lines: Record<string, unknown>[] = []
  const destination = new Writable({
    write(line, _encoding, done) {
      lines.push(JSON.parse(String(line)))
      done()
    },
  })
  const log = await createLog({ level, format: 'json', destination })
  const counted: string[] = []
  const metrics = {
    called: () => void counted.push('called'),
    rotated: () => void counted.push('rotated'),
    breakerChanged: () => void counted.push('breakerChanged'),
    listShrank: () => void counted.push('listShrank'),
    fellBack: () => void counted.push('fellBack'),
  }
  return { lines, counted, reporter: createReporter(log, metrics) }
}

const of = { secret: 'db-password', provider: 'platform', declared: true }

t.test('at info a refresh that went well and a first load are no lines, and are counted', async (t) => {
  const { lines, counted, reporter } = await reported('info')
  reporter.called({ provider: 'platform', outcome: 'ok', durationMs: 12.3 })
  reporter.called({ provider: 'platform', outcome: 'unchanged', durationMs: 12.3 })
  reporter.loaded({ ...of, version: '1' })
  reporter.stateChanged({ ...of, from: 'not-loaded', to: 'fresh' })
  t.strictSame(lines, [])
  t.strictSame(counted, ['called', 'called'])
})

t.test('at debug they are lines', async (t) => {
  const { lines, reporter } = await reported('debug')
  reporter.called({ provider: 'platform', outcome: 'unchanged', durationMs: 12.3 })
  reporter.loaded({ ...of, version: '1' })
  t.match(lines, [
    { level: 'debug', provider: 'platform', outcome: 'unchanged', durationMs: 12, msg: 'provider called' },
    { level: 'debug', secret: 'db-password', version: '1', msg: 'secret loaded' },
  ])
})

t.test(
  'what lists of keys discover is a line at debug, and a warning where there is no room for all',
  async (t) => {
    const { lines, reporter } = await reported('debug')
    reporter.discovered({ provider: 'platform', loaded: 3, failed: 1, hasMore: false })
    reporter.discovered({ provider: 'platform', loaded: 3, failed: 0, hasMore: true })
    t.match(lines, [
      {
        level: 'debug',
        provider: 'platform',
        loaded: 3,
        failed: 1,
        msg: 'what the provider lists was fetched',
      },
      { level: 'warn', provider: 'platform', loaded: 3, failed: 0, msg: /cache\.maxEntries/ },
    ])
  },
)

t.test('a rotation is one line with both versions, and one count', async (t) => {
  const { lines, counted, reporter } = await reported('info')
  reporter.rotated({ ...of, version: '2', previousVersion: '1' })
  t.match(lines, [
    {
      level: 'info',
      secret: 'db-password',
      provider: 'platform',
      version: '2',
      previousVersion: '1',
      msg: 'secret rotated',
    },
  ])
  t.equal(lines.length, 1)
  t.strictSame(counted, ['rotated'])
})

t.test('a failure is one line with its kind, the attempt and the next try', async (t) => {
  const { lines, reporter } = await reported('info')
  const error = new ProviderError('throttled', 'throttled', 'platform asks for fewer calls')
  const event = { provider: 'platform', secrets: ['db-password'], error, attempt: 3, nextTryMs: 1234.5 }
  reporter.failed({ ...event, declared: true })
  t.match(lines, [
    {
      level: 'warn',
      provider: 'platform',
      secrets: ['db-password'],
      kind: 'throttled',
      reason: 'throttled',
      error: 'platform asks for fewer calls',
      attempt: 3,
      nextTryMs: 1235,
      msg: 'refresh failed',
    },
  ])
  t.equal(lines.length, 1)

  reporter.failed({ ...event, declared: false })
  t.equal(lines.length, 1, 'names that callers choose cannot fill the log')
})

t.test('a recovery is one line with how many attempts it took', async (t) => {
  const { lines, reporter } = await reported('info')
  reporter.recovered({ provider: 'platform', secrets: ['db-password'], attempts: 4 })
  t.match(lines, [{ level: 'info', provider: 'platform', attempts: 4, msg: 'refresh recovered' }])
})

t.test('a change of state is one line, as loud as callers feel it', async (t) => {
  const { lines, reporter } = await reported('info')
  const changes: [from: SecretState, to: SecretState, level: string][] = [
    ['stale', 'fresh', 'info'],
    ['fresh', 'stale', 'warn'],
    ['stale', 'expired', 'error'],
    ['fresh', 'missing', 'warn'],
    ['missing', 'not-loaded', 'warn'],
  ]
  for (const [from, to] of changes) reporter.stateChanged({ ...of, from, to })
  t.match(
    lines,
    changes.map(([from, to, level]) => ({ level, secret: 'db-password', from, to, msg: `secret is ${to}` })),
  )
  t.equal(lines.length, changes.length)
})

t.test('a secret that the configuration names no longer is no warning', async (t) => {
  const { lines, reporter } = await reported('info')
  reporter.stateChanged({ ...of, from: 'fresh', to: 'missing', removed: true })
  t.match(lines, [
    { level: 'info', secret: 'db-password', from: 'fresh', msg: 'secret removed from the configuration' },
  ])
  reporter.stateChanged({ ...of, declared: false, from: 'fresh', to: 'missing', removed: true })
  t.equal(lines.length, 1, 'with a pattern there go as many as it had')
})

t.test(
  'of what nobody foresaw one line at error tells the kind and the place, never the words',
  async (t) => {
    const { lines, reporter } = await reported('error')
    reporter.broke({ provider: 'platform', thrown: new TypeError('cannot read CANARY-in-a-message') })
    t.equal(lines.length, 1)
    t.match(lines, [{ level: 'error', provider: 'platform', err: { name: 'TypeError' } }])
    t.notMatch(JSON.stringify(lines), 'CANARY-')
  },
)

t.test(
  'a fallback is a warning when it begins to serve, is counted each time, and ends with a line',
  async (t) => {
    const { lines, counted, reporter } = await reported('info')
    const error = new ProviderError('unavailable', 'timeout', 'vault gave no answer within 5 s')
    const event = { secret: 'db-password', provider: 'spare', first: 'vault', error }
    reporter.fellBack({ ...event, begins: true })
    reporter.fellBack({ ...event, begins: false })
    reporter.cameBack({ secret: 'db-password', provider: 'vault', from: 'spare' })
    t.match(lines, [
      {
        level: 'warn',
        secret: 'db-password',
        provider: 'spare',
        first: 'vault',
        kind: 'unavailable',
        reason: 'timeout',
        error: 'vault gave no answer within 5 s',
        msg: 'a fallback serves the secret',
      },
      { level: 'info', provider: 'vault', from: 'spare', msg: 'the first provider serves the secret again' },
    ])
    t.equal(lines.length, 2)
    t.strictSame(counted, ['fellBack', 'fellBack'])
  },
)
