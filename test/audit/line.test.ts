import t from 'tap'
import { gapLine, lineOf, longestText, typed } from '../../src/audit/line.ts'
import fc from '../support/property.ts'

const time = '2026-11-22T15:47:00.000Z'
const access = {
  action: 'read',
  name: 'db-password',
  caller: 'web',
  listener: '127.0.0.1:7575',
  status: 200,
  code: undefined,
  version: '7',
  state: 'fresh',
} as const

t.test('a line is one object of JSON with all that is known, and null for the rest', async (t) => {
  t.equal(
    lineOf(access, time),
    '{"time":"2026-11-22T15:47:00.000Z","caller":"web","listener":"127.0.0.1:7575","action":"read",' +
      '"name":"db-password","version":"7","state":"fresh","status":200,"code":null}\n',
  )
  const bare = { caller: undefined, name: null, version: undefined, state: undefined }
  t.match(JSON.parse(lineOf({ ...access, ...bare, status: 403, code: 'SIDEKEEP_NOT_ALLOWED' }, time)), {
    caller: null,
    name: null,
    version: null,
    state: null,
    status: 403,
    code: 'SIDEKEEP_NOT_ALLOWED',
  })
})

t.test(
  'whatever is asked for, a line is one line, is JSON, shows no control character and is bounded',
  async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 600 }),
      fc.string({ unit: 'grapheme', maxLength: 600 }),
      fc.string({
        unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
        maxLength: 600,
      }),
    )
    fc.assert(
      fc.property(text, text, (name, version) => {
        const line = lineOf({ ...access, name, version }, time)
        const parsed = JSON.parse(line) as { name: string; version: string }
        const short = Buffer.byteLength(name) <= longestText
        return (
          line.endsWith('}\n') &&
          !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(line.slice(0, -1)) &&
          Buffer.byteLength(parsed.name) <= longestText &&
          (short ? parsed.name === name : parsed.name.endsWith('…')) &&
          Buffer.byteLength(parsed.version) <= longestText
        )
      }),
      { numRuns: 300 },
    )
  },
)

t.test('a name that is cut is cut between characters, and cannot be taken for another', async (t) => {
  const { name } = JSON.parse(lineOf({ ...access, name: '€'.repeat(200) }, time)) as { name: string }
  t.equal(name, `${'€'.repeat(84)}…`)
  const exact = 'x'.repeat(longestText)
  t.equal((JSON.parse(lineOf({ ...access, name: exact }, time)) as { name: string }).name, exact)
})

t.test('what moves a cursor or turns the writing round is escaped', async (t) => {
  const line = lineOf({ ...access, name: 'a\u001b[2J\u009b1m\u202egnp\u2028\u007f\n' }, time)
  t.match(line, 'a\\u001b[2J\\u009b1m\\u202egnp\\u2028\\u007f\\n')
})

t.test('what shows nothing is escaped: two names that look the same are told apart', async (t) => {
  const hidden = ['\u200b', '\u034f', '\u115f', '\u3164', '\ufe0f', '\u{e0041}']
  const lines = hidden.map((character) => lineOf({ ...access, name: `db${character}` }, time))
  for (const line of lines) t.match(line, /"db(\\u[0-9a-f]{4})+"/)
})

t.test('a gap has the members of any other line', async (t) => {
  const gap = JSON.parse(gapLine(3, time)) as object
  const { lost, ...rest } = gap as { lost: number }
  t.equal(lost, 3)
  t.strictSame(Object.keys(rest).sort(), Object.keys(JSON.parse(lineOf(access, time)) as object).sort())
})

t.test('among the lines of a log it says what it is', async (t) => {
  t.match(JSON.parse(typed(lineOf(access, time))), { type: 'audit', name: 'db-password' })
})
