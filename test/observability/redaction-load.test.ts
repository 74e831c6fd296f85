/** What the look costs where there is much of everything: lines made of values, values that are alike, values at once. */
import { spawnSync } from 'node:child_process'
import * as crypto from 'node:crypto'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type Holder, LiveValues } from '../../src/observability/redaction/live-values.ts'

/** Processor time, in microseconds; the least of some attempts, since the machine has other work. */
function cpu(work: () => void): number {
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

/** Live values that tell how many bytes they have digested: nearly all that a look costs which finds what is alike. */
async function counted(
  t: Test,
): Promise<{ live: LiveValues; digested: () => { times: number; bytes: number } }> {
  let [times, bytes] = [0, 0]
  const hash = (algorithm: string, data: Uint8Array, encoding: crypto.BinaryToTextEncoding): string => {
    times += 1
    bytes += data.length
    return crypto.hash(algorithm, data, encoding)
  }
  const path = '../../src/observability/redaction/live-values.ts'
  const { LiveValues: Counted } = (await t.mockImport(path, {
    'node:crypto': { ...crypto, hash },
  })) as { LiveValues: typeof LiveValues }
  const digested = (): { times: number; bytes: number } => {
    const since = { times, bytes }
    times = 0
    bytes = 0
    return since
  }
  return { live: new Counted(), digested }
}

function holdMany(holder: Holder, count: number, nthValue: (at: number) => string): void {
  for (let at = 0; at < count; at += 1) holder.hold(`secret-${at}`, Buffer.from(nthValue(at)))
}

const nthValue = (at: number): string => `CANARY-${(at * 2_654_435_761) % 4_294_967_291}-of-many`

t.test('a line that is full of values and escapes costs no more than its length', async (t) => {
  const live = new LiveValues()
  holdMany(live.holder(), 1_000, nthValue)
  const few = 7_500
  for (const write of [
    (many: string[]) => `${JSON.stringify({ text: many.join('\n') })}\n`,
    (many: string[]) => `${JSON.stringify(many)}\n`,
  ]) {
    const spent = [few, 4 * few].map((count) => {
      const line = Buffer.from(write(Array.from({ length: count }, (_, at) => nthValue(at % 1_000))))
      const redacted = live.redact(line).toString('utf8')
      t.equal(redacted.match(/\[redacted secret-\d+\]/g)?.length, count)
      t.notMatch(redacted, 'CANARY')
      JSON.parse(redacted)
      return cpu(() => live.redact(line))
    })
    const [short = 0, long = Number.NaN] = spent
    // 4 where it grows with the length, 16 where with its square.
    t.ok(long / short < 8, `four times the length, ${(long / short).toFixed(1)} times the cost`)
  }
})

t.test('values that differ at their ends alone are told apart without a digest of each', async (t) => {
  const { live, digested } = await counted(t)
  const middle = 'a document of which each has the same -'.repeat(40)
  holdMany(live.holder(), 5_000, (at) => `{CANARY-head ${middle} ${at}-CANARY-${at * 7919}}`)
  t.ok(live.stats.values >= 5_000)
  t.ok(digested().times >= 5_000, 'each was digested, to be taken in')
  const text = `x ${middle.repeat(20)} x`
  t.equal(live.redactText(text), text)
  t.equal(digested().times, 0)
  t.equal(live.redactText(`x {CANARY-head ${middle} 77-CANARY-${77 * 7919}} x`), 'x [redacted secret-77] x')
  t.ok(digested().times <= 16)
})

t.test('a value that repeats itself is one match, however often a text repeats it', async (t) => {
  const { live, digested } = await counted(t)
  live.holder().hold('zeroes', Buffer.from('CA'.repeat(8_192)))
  t.equal(live.stats.values, 1)
  digested()
  const line = Buffer.from(`${JSON.stringify({ text: 'CA'.repeat(262_144) })}\n`)
  t.equal(live.redact(line).toString('utf8'), '{"text":"[redacted zeroes]"}\n')
  // 64 bytes for each of the line, and a mebibyte.
  t.ok(digested().bytes < 65 * line.length + 2 ** 20)
})

t.test(
  'where thousands come at once others have their turn meanwhile, and no line goes out before',
  async (t) => {
    const { live, digested } = await counted(t)
    holdMany(live.holder(), 5_000, nthValue)
    t.equal(digested().times, 0, 'nothing is taken in at once')
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
