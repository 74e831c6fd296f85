/** Every line that the demo prints, run as it stands: what a reader pastes must work, today and after the next change. */
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { metric } from '../support/e2e-metrics.ts'
import { startChild } from '../support/process-child.ts'
import { pathWithCurl, pathWithStandIn, shell } from '../support/process-shell.ts'
import { folderOf } from '../support/process-sidecar.ts'

interface Line {
  /** What the demo says that the line does. */
  readonly what: string
  readonly line: string
}

/** The lines to paste, with the comment above each. */
function linesOf(guide: string): Line[] {
  return [...guide.matchAll(/^ {2}# (.+)\n {2}(curl .+)$/gm)].map(([, what = '', line = '']) => ({
    what,
    line,
  }))
}

/** The address that a word of the guide's first lines names. */
function addressOf(guide: string, word: string): string {
  return new RegExp(`^  ${word} +(http://[\\d.:]+)`, 'm').exec(guide)?.[1] ?? ''
}

t.test('every printed line does what it says', async (t) => {
  const temporary = folderOf(t)
  const ports = ['--port', '--ops-port', '--provider-port', '--control-port'].flatMap((option) => [
    option,
    '0',
  ])
  const demo = startChild(t, ['demo', ...ports], { env: { TMPDIR: temporary } })
  const guide = await eventually('the guide', () => demo.stdout.includes('Ctrl-C') && demo.stdout)
  await eventually('the sidecar is ready', () => demo.stdout.includes('"ready: '))

  const api = addressOf(guide, 'sidecar')
  const ops = /metrics also on (http:\S+)/.exec(guide)?.[1] ?? ''
  const secret = async () => (await ask(api, '/v1/secrets/db-password')).json()
  const isNow = (state: string) =>
    eventually(`db-password is ${state}`, async () => (await secret()).state === state)

  let value: unknown
  /** What each line has to answer, and what has to come of it, in the order of the lines. */
  const checks: ((t: Test, answer: string) => Promise<void>)[] = [
    async (t, answer) => {
      const { secrets } = JSON.parse(answer) as { secrets: { name: string; state: string }[] }
      t.strictSame(
        secrets.map(({ name }) => name),
        ['db-password', 'payment', 'shared/greeting'],
      )
      t.notMatch(answer, '"value"')
    },
    async (t, answer) => {
      const parsed = JSON.parse(answer) as Record<string, unknown>
      t.match(parsed, { name: 'db-password', value: /^[\w-]{16}$/, version: /^v\d+$/ })
      value = parsed.value
    },
    async (t, answer) => {
      t.match(answer, /^[\w-]{16}$/, 'its bytes, and no newline')
    },
    async (t, answer) => {
      t.match(JSON.parse(answer), { name: 'payment', value: 'demo' })
    },
    async (t, answer) => {
      t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
      t.match(answer, /^etag: "/im)
      t.match(answer, /^sidekeep-state: (fresh|stale)\r$/im)
      t.match(answer, '"value":"hello from the provider"')
    },
    async (t, answer) => {
      t.match(answer, /^\[\+\]required-secrets-held ok$/m)
      t.match(answer, 'readyz check passed')
    },
    async (t, answer) => {
      t.equal(metric(answer, 'sidekeep_provider_up', { provider: 'platform' }), 1)
    },
    async (t, answer) => {
      t.match(answer, /^db-password is at v\d+ at the provider now$/m)
      const version = /v\d+/.exec(answer)?.[0] ?? ''
      const rotated = await eventually('the new value', async () => {
        const now = await secret()
        return now.value !== value && now
      })
      t.ok(
        Number(String(rotated.version).slice(1)) >= Number(version.slice(1)),
        'it is the one that was announced',
      )
    },
    async (t, answer) => {
      t.match(JSON.parse(answer), { name: 'db-password', outcome: /^(rotated|unchanged)$/ })
      t.notMatch(answer, '"value"')
    },
    async (t, answer) => {
      t.match(answer, 'the provider is down now')
      await isNow('stale')
    },
    async (t, answer) => {
      t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
      t.match(answer, /^sidekeep-state: stale\r$/im)
      t.match(answer, '"state":"stale"')
    },
    async (t, answer) => {
      t.match(JSON.parse(answer), {
        state: 'stale',
        lastError: { kind: 'unavailable', reason: 'refused' },
        nextAttemptAt: String,
      })
      t.notMatch(answer, '"value"')
    },
    async (t, answer) => {
      t.match(answer, 'the provider is up again')
      await isNow('fresh')
    },
  ]

  const lines = linesOf(guide)
  const mentions = guide.split('\n').filter((text) => text.includes('curl '))
  t.strictSame(
    mentions.map((text) => text.trim()),
    lines.map(({ line }) => line),
    'no line of the guide is left out',
  )
  t.equal(lines.length, checks.length, 'each has a check')

  const standIn = pathWithStandIn(t)
  const real = pathWithCurl() ?? standIn
  for (const [index, { what, line }] of lines.entries()) {
    await t.test(`${what}: ${line.replaceAll(/\d{4,5}\b/g, 'PORT')}`, async (t) => {
      const { code, stdout, stderr } = await shell(line, real)
      t.equal(code, 0, stderr)
      await checks[index]?.(t, stdout)
      if (line.includes('-X') || real === standIn) return
      const again = await shell(line, standIn)
      t.equal(again.code, 0, 'the stand-in for curl can run it too')
      await checks[index]?.(t, again.stdout)
    })
  }

  await t.test('an edit of its configuration is applied', async (t) => {
    const file = /^ {2}config +(\S+)/m.exec(guide)?.[1] ?? ''
    writeFileSync(file, readFileSync(file, 'utf8').replace('payment: ', 'account: '))
    await eventually('the change', () => demo.stdout.includes('"the configuration was applied"'))
    t.equal((await ask(api, '/v1/secrets/payment')).status, 404)
  })

  await t.test('Ctrl-C ends everything within a second and leaves nothing', async (t) => {
    const addresses = [api, ops, ...['provider', 'control'].map((word) => addressOf(guide, word))]
    t.equal(readdirSync(temporary).length, 1, 'there was a folder')
    // A browser or a scraper keeps its connections, and must not hold this up.
    const agent = new Agent({ keepAlive: true })
    t.teardown(() => agent.destroy())
    for (const address of [api, ops]) {
      const [response] = (await once(get(`${address}/livez`, { agent }), 'response')) as [IncomingMessage]
      await buffer(response)
    }
    const began = performance.now()
    demo.signal('SIGINT')
    const { code, signal, stderr } = await demo.ended()
    t.match({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    t.notOk(demo.stdout.includes(String(value)), 'what it printed holds no value')
    t.ok(performance.now() - began < 1_000, 'within a second')
    t.strictSame(readdirSync(temporary), [])
    for (const address of addresses) await t.rejects(ask(address, '/'), { code: 'ECONNREFUSED' })
  })
})

t.test('the stand-in for curl refuses what it does not know', async (t) => {
  const path = pathWithStandIn(t)
  t.match(await shell('curl --data x http://127.0.0.1:1/', path), { code: 2, stderr: /--data is not known/ })
  t.match(await shell('curl http://127.0.0.1:1/', path), { code: 7 })
})
