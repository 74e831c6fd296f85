import { spawnSync } from 'node:child_process'
import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { CodedError } from '../../src/errors.ts'
import { createLog, flushLog, type LogOptions } from '../../src/observability/log.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { Secret, SecretValue } from '../../src/secrets/secret.ts'
import { canaryGuard } from '../support/canary.ts'

/** Keeps what is written; a terminal where a test says so. */
class Destination extends Writable {
  text = ''
  readonly isTTY: boolean

  constructor(isTTY = false) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += String(chunk)
    done()
  }

  /** Pretty lines take a stream's way, and a moment. */
  async has(text: string): Promise<string> {
    while (!this.text.includes(text)) await setImmediate()
    return this.text
  }
}

const destination = (isTTY?: boolean) => new Destination(isTTY)

const options = { level: 'info', format: 'auto' } as const satisfies LogOptions

t.test('elsewhere than on a terminal each event is one line of JSON', async (t) => {
  const output = destination()
  const log = await createLog({ ...options, destination: output })
  log.info({ provider: 'platform', text: 'two\nlines' }, 'an event')
  log.warn('another')
  const lines = output.text.split('\n')
  t.equal(lines.length, 3)
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'info',
    time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    provider: 'platform',
    text: 'two\nlines',
    msg: 'an event',
  })
  t.match(JSON.parse(lines[1] ?? ''), { level: 'warn', msg: 'another' })
  t.notMatch(output.text, /"(pid|hostname)"/, 'the container says those already')
})

t.test('on a terminal lines are for people', async (t) => {
  const output = destination(true)
  const log = await createLog({ ...options, destination: output })
  log.info({ provider: 'platform' }, 'an event')
  await output.has('platform')
  t.match(output.text, /\[\d\d:\d\d:\d\d\.\d{3}\] INFO: an event\n +provider: "platform"\n/)
})

t.test('the configuration may choose either, wherever it goes', async (t) => {
  const json = destination(true)
  const forced = await createLog({ ...options, format: 'json', destination: json })
  forced.info('an event')
  t.match(JSON.parse(json.text), { msg: 'an event' })

  const pretty = destination(false)
  const chosen = await createLog({ ...options, format: 'pretty', destination: pretty })
  chosen.info('an event')
  t.match(await pretty.has('an event'), /INFO: an event/)
})

t.test('only what the level lets through is written', async (t) => {
  const output = destination()
  const log = await createLog({ ...options, level: 'warn', destination: output })
  log.info('quiet')
  log.error('loud')
  t.notMatch(output.text, 'quiet')
  t.match(output.text, 'loud')
  const silent = destination()
  const none = await createLog({ ...options, level: 'silent', destination: silent })
  none.fatal('nobody hears')
  t.equal(silent.text, '')
})

for (const format of ['json', 'pretty'] as const) {
  t.test(`no value gets out through what is logged as ${format}`, async (t) => {
    const output = destination()
    const log = await createLog({ ...options, format, destination: output })
    const cause = new Error('CANARY-cause')
    const value = SecretValue.fromText('CANARY-value')
    log.error({ err: new SyntaxError('CANARY-message', { cause }) }, 'a foreign error')
    log.error({ err: new ProviderError('unavailable', 'io', 'platform failed', { cause }) }, 'of a provider')
    log.error({ err: new CodedError('SIDEKEEP_INTERNAL', [], { cause }) }, 'of ours')
    log.error({ err: 'CANARY-text' }, 'something thrown')
    log.error(new TypeError('CANARY-bare', { cause }))
    log.error({ err: new TypeError('CANARY-without-a-message', { cause }) })
    log.info({ secret: new Secret('db-password', '7', value), value }, 'by accident')
    await output.has('by accident')
    t.match(output.text, '[secret db-password@7]')
    t.match(output.text, 'SyntaxError')
    canaryGuard(t).noLeak('the log', output.text)
  })
}

t.test('what is flushed needs no destination that can be', async (t) => {
  const output = destination()
  const log = await createLog({ ...options, format: 'json', destination: output })
  log.info('the last line')
  await flushLog(log)
  t.match(output.text, 'the last line')
})

/** Runs a few lines that have a log to standard output, read through a pipe. */
function logging(...lines: string[]) {
  const program = `import { createLog, flushLog } from ${JSON.stringify(import.meta.resolve('../../src/observability/log.ts'))}
    const log = await createLog({ level: 'info', format: 'auto' })
    ${lines.join('\n')}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program])
  const said = String(stdout).split('\n').slice(0, -1)
  return { status, stderr: String(stderr), lines: said.map((line) => JSON.parse(line) as { msg: string }) }
}

t.test('all lines before an exit are written, once they have been flushed', async (t) => {
  const { status, lines } = logging(
    `for (let count = 0; count < 2_000; count += 1) log.info({ filler: 'x'.repeat(300) }, 'a line')`,
    `log.fatal('the last line')`,
    `await flushLog(log)`,
    `process.exit(3)`,
  )
  t.equal(status, 3)
  t.equal(lines.length, 2_001)
  t.match(lines.at(-1), { msg: 'the last line' })
})

t.test('the last lines before an exit that nobody prepared are written too', async (t) => {
  const { status, lines } = logging(
    `log.info('one')`,
    `log.error('two')`,
    `log.error('three')`,
    `process.exit(3)`,
  )
  t.equal(status, 3)
  t.strictSame(lines.map(({ msg }) => msg).sort(), ['one', 'three', 'two'])
})

t.test('lines beyond a mebibyte that is not read yet are counted', async (t) => {
  const { lines } = logging(
    `for (let count = 0; count < 3_000; count += 1) log.info({ filler: 'x'.repeat(900) }, 'a line')`,
    `await flushLog(log)`,
  )
  const dropped = Number(Reflect.get(lines.at(-1) ?? {}, 'dropped'))
  t.match(lines.at(-1), { level: 'error', msg: 'log lines were dropped' })
  t.equal(lines.length - 1 + dropped, 3_000)
})
