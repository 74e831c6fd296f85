import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import type { Loaded } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/load.ts'
import { FileWatch } from '../../src/file-watch.ts'
import type { ReloadOutcome } from '../../src/observability/metrics-state.ts'
import { type Applied, Reloader } from '../../src/reload/reloader.ts'
import { parse, refusal, smallest } from '../config/helpers.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const none = { added: [], removed: [], changed: [] }
const changes: Applied = { secrets: { ...none, added: ['b'] }, providers: none, options: [] }
const wrong = smallest.replace('provider: p', 'provider: nope')
const other = smallest.replace('APP_', 'OTHER_')

// What reads YAML is loaded at the first use, which takes longer than the tests wait.
await parse(smallest)

interface Rig {
  readonly reloader: Reloader
  readonly clock: VirtualClock
  /** What the file holds; an error where it cannot be read. */
  text: string | ConfigError
  /** Where tokens of callers come from. */
  readonly env: NodeJS.ProcessEnv
  apply: (loaded: Loaded) => Promise<Applied>
  readonly applied: Loaded[]
  readonly outcomes: ReloadOutcome[]
  /** How often the file was read. */
  looks: number
  readonly lines: () => { level: string; msg: string; [field: string]: unknown }[]
}

/** A reloader over a file of a test's own; `smallest` is in force. */
function rigOf(options: { file?: false } = {}): Rig {
  const clock = new VirtualClock()
  const written: string[] = []
  const log = pino(
    { base: null, formatters: { level: (level) => ({ level }) } },
    { write: (line: string) => written.push(line) },
  )
  const judge = async (text: string | ConfigError): Promise<Loaded | ConfigError> => {
    if (text instanceof ConfigError) return text
    return await parse(text, rig.env).catch((error) => {
      if (error instanceof ConfigError) return error
      throw error
    })
  }
  const rig: Rig = {
    clock,
    text: smallest,
    env: {},
    apply: async () => changes,
    applied: [],
    outcomes: [],
    looks: 0,
    lines: () => written.map((line) => JSON.parse(line)),
    reloader: new Reloader({
      file:
        options.file === false
          ? undefined
          : {
              look: async () => {
                rig.looks += 1
                const { text } = rig
                return { digest: String(text), judge: () => judge(text) }
              },
            },
      source: 'sidekeep.yaml',
      digest: smallest,
      apply: (loaded) => {
        rig.applied.push(loaded)
        return rig.apply(loaded)
      },
      watch: () => {},
      addresses: () => ({ api: 'http://127.0.0.1:7575' }),
      ended: (outcome) => rig.outcomes.push(outcome),
      log,
      clock,
    }),
  }
  return rig
}

t.test('a look at a file that has not changed says and does nothing', async (t) => {
  const rig = rigOf()
  rig.reloader.look()
  await settle()
  t.match(rig, { looks: 1, outcomes: [], applied: [] })
  t.strictSame(rig.lines(), [])
})

t.test('a change is applied, and one line says what it changed', async (t) => {
  const rig = rigOf()
  rig.text = other
  rig.reloader.look()
  await settle()
  t.strictSame(rig.outcomes, ['applied'])
  t.strictSame(rig.applied[0]?.config.providers.p, { ...(await parse(other)).config.providers.p })
  t.match(rig.lines(), [
    {
      level: 'info',
      msg: 'the configuration was applied',
      source: 'sidekeep.yaml',
      secrets: { added: ['b'] },
    },
  ])
  rig.reloader.look()
  await settle()
  t.strictSame(rig.outcomes, ['applied'], 'it is no news a second time')
})

t.test('a file that is caught half written is not told of', async (t) => {
  const rig = rigOf()
  rig.text = other.slice(0, -4)
  rig.reloader.look()
  await settle()
  rig.text = other
  await rig.clock.advance(250)
  t.strictSame(rig.outcomes, ['applied'])
  t.equal(rig.lines().filter(({ level }) => level === 'error').length, 0)
})

t.test('a token that is caught half written is not told of either', async (t) => {
  const rig = rigOf()
  const token = 'CANARY-web-token-0123456789abcdef'
  rig.env.T = token.slice(0, 20)
  rig.text = `${smallest}api: { callers: { web: { tokens: [{ env: T }], allow: [a] } } }\n`
  rig.reloader.look()
  await settle()
  t.strictSame(rig.outcomes, [])
  rig.env.T = token
  await rig.clock.advance(250)
  t.strictSame(rig.outcomes, ['applied'])
  t.equal(rig.lines().filter(({ level }) => level === 'error').length, 0)
})

t.test('what is wrong is told once, with the lines that check prints, and changes nothing', async (t) => {
  const rig = rigOf()
  rig.text = wrong
  for (let look = 0; look < 5; look += 1) {
    rig.reloader.look()
    await rig.clock.advance(1_000)
  }
  t.match(rig, { outcomes: ['invalid'], applied: [] })
  t.match(rig.lines(), [
    { level: 'error', msg: 'the configuration is invalid: nothing has changed', source: 'sidekeep.yaml' },
  ])
  t.strictSame(rig.lines()[0]?.problems, (await refusal(wrong)).message.split('\n'))

  rig.text = `${wrong}# again`
  rig.reloader.look()
  await rig.clock.advance(1_000)
  t.strictSame(rig.outcomes, ['invalid', 'invalid'], 'another content is judged again')
  rig.text = smallest
  rig.apply = async () => 'unchanged'
  rig.reloader.look()
  await settle()
  t.strictSame(rig.outcomes, ['invalid', 'invalid', 'unchanged'])
})

t.test('a file that vanished is told as wrong, and is used again when it is back', async (t) => {
  const rig = rigOf()
  rig.text = new ConfigError([{ path: [], expected: 'the file', got: 'nothing' }], 'sidekeep.yaml')
  rig.reloader.look()
  await rig.clock.advance(250)
  t.strictSame(rig.outcomes, ['invalid'])
  t.strictSame(rig.lines()[0]?.problems, ['sidekeep.yaml: expected the file, got nothing'])
  rig.text = other
  rig.reloader.look()
  await settle()
  t.strictSame(rig.outcomes, ['invalid', 'applied'])
})

t.test('who asks is always answered, whatever has been told before', async (t) => {
  const rig = rigOf()
  rig.apply = async () => 'unchanged'
  rig.reloader.reload()
  await settle()
  t.strictSame(rig.outcomes, ['unchanged'])
  t.match(rig.lines(), [{ level: 'info', msg: 'the configuration is the one in force already' }])
  rig.text = wrong
  for (let asked = 0; asked < 2; asked += 1) {
    rig.reloader.reload()
    await rig.clock.advance(250)
  }
  t.strictSame(rig.outcomes, ['unchanged', 'invalid', 'invalid'])
})

t.test('however often somebody asks during a reload, it causes one more', async (t) => {
  const rig = rigOf()
  const { promise, resolve } = Promise.withResolvers<Applied>()
  rig.apply = () => promise
  rig.text = other
  rig.reloader.reload()
  await settle()
  for (let asked = 0; asked < 1_000; asked += 1) rig.reloader[asked % 2 === 0 ? 'reload' : 'look']()
  await settle()
  t.equal(rig.applied.length, 1, 'never two at a time')
  rig.apply = async () => 'unchanged'
  resolve(changes)
  await settle()
  t.match(rig, { looks: 2, outcomes: ['applied', 'unchanged'] })
})

t.test('a file that never rests costs a reload a second at the most', async (t) => {
  const rig = rigOf()
  const path = join(t.testdir({}), 'sidekeep.yaml')
  const watch = new FileWatch({ path, clock: rig.clock, look: () => rig.reloader.look() })
  t.teardown(() => watch.close())
  watch.set({ watch: true, poll: 60_000 })
  for (let at = 0; at < 1_000; at += 1) {
    rig.text = at % 3 === 0 ? 'half written: [' : `${other}# ${at}`
    watch.soon()
    await rig.clock.advance(10)
  }
  const told = rig.lines().length
  t.ok(told >= 5 && told <= 11, `${told} lines of the log in 10 s`)
  t.equal(rig.outcomes.length, told)
  rig.text = smallest
  await rig.clock.advance(2_000)
  watch.soon()
  await rig.clock.advance(2_000)
  t.strictSame(
    rig.applied.at(-1)?.config,
    (await parse(smallest)).config,
    'and what it holds in the end counts',
  )
})

t.test('what could not be applied is tried again only when somebody asks or it changes', async (t) => {
  const rig = rigOf()
  rig.apply = async () => {
    throw new Error('CANARY-in-an-error-of-unknown-origin')
  }
  rig.text = other
  for (let look = 0; look < 3; look += 1) {
    rig.reloader.look()
    await settle()
  }
  t.match(rig, { outcomes: ['failed'] })
  t.equal(rig.applied.length, 1)
  t.match(rig.lines(), [
    { level: 'error', msg: 'the configuration could not be applied: nothing has changed' },
  ])
  rig.apply = async () => changes
  rig.reloader.reload()
  await settle()
  t.strictSame(rig.outcomes, ['failed', 'applied'])
})

t.test('once the sidecar stops, nothing is applied and nothing is told', async (t) => {
  const rig = rigOf()
  rig.text = wrong
  rig.reloader.look()
  await settle()
  rig.reloader.close()
  rig.text = other
  await rig.clock.advance(1_000)
  rig.reloader.reload()
  rig.reloader.look()
  await settle()
  t.match(rig, { looks: 2, outcomes: [], applied: [] })
  t.strictSame(rig.lines(), [])
})

t.test('a change that a stop overtakes is not counted', async (t) => {
  const rig = rigOf()
  rig.apply = async () => 'stopping'
  rig.text = other
  rig.reloader.look()
  await settle()
  t.match(rig, { outcomes: [] })
  t.equal(rig.applied.length, 1)
})

t.test('without a file nothing can have changed, and that is what is said', async (t) => {
  const rig = rigOf({ file: false })
  rig.reloader.reload()
  await settle()
  t.match(rig, { outcomes: ['unchanged'], applied: [] })
  t.match(rig.lines(), [{ level: 'info', source: 'sidekeep.yaml', msg: /nothing to reload/ }])
})

t.test('the warnings of what was applied are told, and what waits for the next start', async (t) => {
  const rig = rigOf()
  rig.apply = async () => ({ secrets: none, providers: none, options: ['log.format'] })
  rig.text = `${smallest}api: { access: open }\nlog: { format: json }\n`
  rig.reloader.look()
  await settle()
  t.match(rig.lines(), [
    { level: 'warn', msg: /^api\.access is open/ },
    { level: 'warn', msg: 'log.format takes effect only at the next start.' },
    { level: 'info', options: ['log.format'] },
  ])
})
