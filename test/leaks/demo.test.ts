/** The demo has values and a token that nobody chose: what they are is found out, and then looked for in what it said. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { traceOf } from '../support/canary.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { startChild } from '../support/process-child.ts'
import { folderOf } from '../support/process-sidecar.ts'

t.test('the demo prints no value and no token, while its provider rotates, stops and starts', async (t) => {
  const temporary = folderOf(t)
  const ports = ['port', 'ops-port', 'provider-port', 'control-port'].flatMap((option) => [
    `--${option}`,
    '0',
  ])
  const demo = startChild(t, ['demo', ...ports], { env: { TMPDIR: temporary } })
  await eventually('readiness', () => demo.stdout.includes('"ready: '))
  const [, api = ''] = /^ {2}sidecar +(http:\S+)/m.exec(demo.stdout) ?? []
  const [, control = ''] = /^ {2}control +(http:\S+)/m.exec(demo.stdout) ?? []

  const wanted = new Set<string>()
  const outputs: string[] = [readFileSync(`/proc/${demo.pid}/cmdline`, 'utf8')]
  const tell = async (action: string): Promise<void> => {
    outputs.push((await ask(control, `/${action}`, { method: 'POST' })).text)
  }
  /** Keeps what is served now in mind; the state of the one that rotates. */
  const collect = async (): Promise<unknown> => {
    let state: unknown
    for (const path of ['payment?field=key&', 'shared/greeting?', 'db-password?']) {
      const { status, text, headers } = await ask(api, `/v1/secrets/${path}format=raw`)
      if (status !== 200) throw new Error(`${path}: ${text}`)
      wanted.add(text)
      state = headers['sidekeep-state']
    }
    return state
  }
  await collect()
  await tell('rotate')
  outputs.push((await ask(api, '/v1/refresh/db-password', { method: 'POST' })).text)
  await collect()
  await tell('stop')
  await eventually('staleness', async () => (await collect()) === 'stale')
  await eventually('a failure in the log', () => demo.stdout.includes('refresh failed'))
  for (const path of ['/v1/secrets', '/v1/explain/db-password', '/metrics']) {
    outputs.push((await ask(api, path)).text)
  }
  await tell('start')
  const [tokenFile = ''] = globSync(join(temporary, '*', 'token'))
  wanted.add(readFileSync(tokenFile, 'utf8'))
  demo.signal('SIGTERM')
  const { code, stdout, stderr } = await demo.ended()
  t.equal(code, 0)
  t.ok(wanted.size >= 4, 'the values of three secrets, of one of them several, and a token')
  outputs.push(stdout, stderr)
  for (const value of wanted) {
    t.ok(value.length >= 12)
    const trace = traceOf(value)
    for (const output of outputs) t.equal(trace(output), undefined)
  }
})
