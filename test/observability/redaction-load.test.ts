/** What the look costs where there is much of everything: lines made of values, values that are alike, values at once. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type Holder, LiveValues } from '../../src/observability/redaction/live-values.ts'

/** Processor time is what is bounded here, generously: what is bounded grew with the square of the input before. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

function holdMany(holder: Holder, count: number, nthValue: (at: number) => string): void {
  for (let at = 0; at < count; at += 1) holder.hold(`secret-${at}`, Buffer.from(nthValue(at)))
}

const nthValue = (at: number): string => `CANARY-${(at * 2_654_435_761) % 4_294_967_291}-of-many`

t.test('a line of a mebibyte that is full of values and escapes is done in no time', async (t) => {
  const live = new LiveValues()
  holdMany(live.holder(), 1_000, nthValue)
  const many = Array.from({ length: 30_000 }, (_, at) => nthValue(at % 1_000))
  for (const lines of [`${JSON.stringify({ text: many.join('\n') })}\n`, `${JSON.stringify(many)}\n`]) {
    let redacted = ''
    const ms = cpuMs(() => {
      redacted = live.redact(Buffer.from(lines)).toString('utf8')
    })
    t.ok(ms < 5_000, `${ms} ms`)
    t.equal(redacted.match(/\[redacted secret-\d+\]/g)?.length, 30_000)
    t.notMatch(redacted, 'CANARY')
    JSON.parse(redacted)
  }
})

t.test('values that differ at their ends alone are told apart, each at little cost', async (t) => {
  const live = new LiveValues()
  const middle = 'a document of which each has the same -'.repeat(40)
  holdMany(live.holder(), 5_000, (at) => `{CANARY-head ${middle} ${at}-CANARY-${at * 7919}}`)
  const ms = cpuMs(() => t.equal(live.redactText(`x ${middle.repeat(20)} x`), `x ${middle.repeat(20)} x`))
  t.ok(ms < 2_500, `${ms} ms`)
  t.equal(live.redactText(`x {CANARY-head ${middle} 77-CANARY-${77 * 7919}} x`), 'x [redacted secret-77] x')
})

t.test('a value that repeats itself is one match, however often a text repeats it', async (t) => {
  const live = new LiveValues()
  live.holder().hold('zeroes', Buffer.from('CA'.repeat(8_192)))
  let redacted = ''
  const ms = cpuMs(() => {
    redacted = live
      .redact(Buffer.from(`${JSON.stringify({ text: 'CA'.repeat(262_144) })}\n`))
      .toString('utf8')
  })
  t.ok(ms < 10_000, `${ms} ms`)
  t.equal(redacted, '{"text":"[redacted zeroes]"}\n')
})

t.test(
  'where thousands come at once others have their turn meanwhile, and no line goes out before',
  async (t) => {
    const live = new LiveValues()
    const holder = live.holder()
    const ms = cpuMs(() => holdMany(holder, 5_000, nthValue))
    t.ok(ms < 60, `${ms} ms`)
    let turns = 0
    const count = (): void => {
      turns += 1
      if (live.caughtUp() !== undefined) setImmediate(count)
    }
    setImmediate(count)
    await live.caughtUp()
    t.ok(turns > 3, `${turns} turns`)
    t.equal(live.stats.values, 5_000)
  },
)

t.test('who looks before they are taken in finds them all the same', async (t) => {
  const live = new LiveValues()
  const holder = live.holder()
  holdMany(holder, 500, nthValue)
  t.equal(live.redactText(`at ${nthValue(499)}!`), 'at [redacted secret-499]!')
})

t.test('a value that is overwritten right after it was replaced or released was read before', async (t) => {
  const live = new LiveValues()
  const holder = live.holder()
  const values = ['CANARY-version-1', 'CANARY-version-2', 'CANARY-other-one'].map((text) => Buffer.from(text))
  const [first, second, other] = values
  if (first === undefined || second === undefined || other === undefined) return
  holder.hold('db', first)
  holder.hold('db', second)
  first.fill(0)
  holder.hold('other', other)
  holder.release('other')
  other.fill(0)
  holder.close()
  second.fill(0)
  for (const [text, label] of [
    ['CANARY-version-1', 'db'],
    ['CANARY-version-2', 'db'],
    ['CANARY-other-one', 'other'],
  ]) {
    t.equal(live.redactText(`at ${text}!`), `at [redacted ${label}]!`)
  }
})

t.test('at the end of one who had thousands of values all of them are looked for', async (t) => {
  let now = 0
  const live = new LiveValues(() => now)
  const holder = live.holder()
  holdMany(holder, 3_000, nthValue)
  holder.close()
  for (let at = 0; at < 3_000; at += 1) holder.release(`secret-${at}`)
  t.equal(live.stats.values, 3_000)
  t.equal(live.redactText(nthValue(0)), '[redacted secret-0]')
  now = 600_001
  t.equal(live.redactText(nthValue(0)), nthValue(0))
  t.equal(live.stats.values, 0)
})

t.test('each value that is taken out is counted', async (t) => {
  const live = new LiveValues()
  live.holder().hold('db', Buffer.from('CANARY-counted'))
  live.redact(Buffer.from('{"text":"CANARY-counted, CANARY-counted"}\n{"text":"CANARY-none"}\n'))
  live.redactText('CANARY-counted')
  t.equal(live.redactions, 3)
})

t.test('lines that are written while thousands come wait for them, in order, also at an exit', async (t) => {
  for (const end of ['await flushLog(log)', 'process.exit(0)']) {
    const program = `
      import { createLog, flushLog } from './src/observability/log.ts'
      import { liveValues } from './src/observability/redaction/live-values.ts'
      const log = await createLog({ level: 'info', format: 'json' })
      const holder = liveValues.holder()
      for (let at = 0; at < 3_000; at += 1) holder.hold('secret-' + at, Buffer.from('CANARY-value-' + at + '-of-many'))
      for (const at of [0, 1, 2_999]) log.info('line ' + at + ' has CANARY-value-' + at + '-of-many')
      ${end}
    `
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module-typescript', '-e', program],
      {
        cwd,
        encoding: 'utf8',
      },
    )
    t.equal(stderr, '')
    t.strictSame(
      stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { msg: string }).msg),
      [0, 1, 2_999].map((at) => `line ${at} has [redacted secret-${at}]`),
    )
  }
})
