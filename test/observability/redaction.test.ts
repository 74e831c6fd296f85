import t from 'tap'
import { createLog } from '../../src/observability/log.ts'
import { LiveValues } from '../../src/observability/redaction/live-values.ts'
import { canaryGuard } from '../support/canary.ts'

const value = 'CANARY-päss"word/1\\2\n3+4 %5'

/** As text of a log's line, or of a URL, or of a header, would have it. */
const forms: Record<string, string> = {
  'as it is': value,
  'escaped for JSON': JSON.stringify(value).slice(1, -1),
  'escaped for JSON, in ASCII only': JSON.stringify(value).slice(1, -1).replaceAll('ä', '\\u00E4'),
  'in JSON in JSON': JSON.stringify(JSON.stringify(value)),
  'in a URL': encodeURIComponent(value),
  'in a URL, in lower case': encodeURIComponent(value).replaceAll(/%../g, (code) => code.toLowerCase()),
  'in a form': new URLSearchParams({ value }).toString(),
  'in base64 behind no byte': Buffer.from(`${value}..`).toString('base64'),
  'in base64 behind one byte': Buffer.from(`:${value}`).toString('base64'),
  'in base64 behind two bytes': Buffer.from(`u:${value}`).toString('base64'),
  'in base64 for URLs': Buffer.from(`u:${value}`).toString('base64url'),
  'in base64 in a URL': encodeURIComponent(Buffer.from(`u:${value}`).toString('base64')),
  'in hex': Buffer.from(value).toString('hex'),
  'in hex, in upper case': Buffer.from(value).toString('hex').toUpperCase(),
}

function holding(values: Record<string, string | Uint8Array>, now?: () => number) {
  const live = new LiveValues(now)
  const holder = live.holder()
  for (const [name, held] of Object.entries(values)) holder.hold(name, Buffer.from(held))
  const redact = (text: string) => live.redact(Buffer.from(text)).toString('utf8')
  return { live, holder, redact }
}

const line = (fields: object): string => `${JSON.stringify({ level: 'info', ...fields })}\n`

for (const [what, form] of Object.entries(forms)) {
  t.test(`a value ${what} is taken out of a line, wherever it stands`, async (t) => {
    const { redact } = holding({ 'db-password': value })
    for (let before = 0; before < 8; before += 1) {
      const text = `${'x'.repeat(before)} ${form} and so on`
      const redacted = redact(`${line({ msg: 'one' })}${line({ text })}${line({ msg: 'two' })}`)
      t.match(redacted, '[redacted db-password]')
      t.match(
        redacted
          .split('\n')
          .slice(0, 3)
          .map((one) => JSON.parse(one)),
        [{ msg: 'one' }, { text: /^x* .*\[redacted db-password\].* and so on$/s }, { msg: 'two' }],
      )
      canaryGuard(t).noLeak('the line', redacted.replaceAll('[redacted db-password]', ''))
    }
  })
}

t.test('lines without a value are the same bytes', async (t) => {
  const { live } = holding({ 'db-password': value, pin: '123456' })
  const lines = Buffer.from(line({ msg: 'a "quoted" 12345 \\ 100 %25 line', stack: 'Error\n    at f' }))
  t.equal(live.redact(lines), lines)
})

t.test('a number that is a value gives way to a string, and the line stays JSON', async (t) => {
  const { redact } = holding({ pin: '123456' })
  t.strictSame(JSON.parse(redact(line({ count: 123456, more: [7123456.5, true], text: 'a123456' }))), {
    level: 'info',
    count: '[redacted pin]',
    more: ['[redacted pin]', true],
    text: 'a[redacted pin]',
  })
})

t.test(
  'a value that is JSON is found where its object is logged, and so are the strings in it',
  async (t) => {
    const document = { user: 'shop', login: { password: 'CANARY-in-a-member', host: '127.0.0.1' } }
    const { redact } = holding({ db: JSON.stringify(document) })
    t.strictSame(JSON.parse(redact(line({ db: document }))), { level: 'info', db: '[redacted db]' })
    t.strictSame(
      JSON.parse(redact(line({ text: 'with CANARY-in-a-member', at: '127.0.0.1', user: 'shop' }))),
      {
        level: 'info',
        text: 'with [redacted db]',
        at: '127.0.0.1',
        user: 'shop',
      },
    )
  },
)

t.test('a line from which a value cannot be cut keeps its level alone', async (t) => {
  const { redact } = holding({ odd: '"CANARY-1","b":"CANARY-2' })
  t.strictSame(JSON.parse(redact(line({ a: 'CANARY-1', b: 'CANARY-2', c: 3 }))), {
    level: 'info',
    msg: '[redacted odd]',
  })
})

t.test('values shorter than six bytes are left in, and such as consist of blanks', async (t) => {
  const { redact } = holding({ short: 'five5', blank: '         ' })
  const text = line({ text: 'five5         five5' })
  t.equal(redact(text), text)
})

t.test('the line end at the end of a value in a file need not be there', async (t) => {
  const { redact } = holding({ file: 'CANARY-of-a-file\n' })
  t.match(redact(line({ text: 'CANARY-of-a-file.' })), '[redacted file].')
})

t.test('overlapping values are one cut, and a name that is a value itself is not told', async (t) => {
  const { redact } = holding({ a: 'CANARY-one-two', b: 'two-three-CANARY', 'CANARY-named': 'CANARY-named' })
  t.equal(JSON.parse(redact(line({ text: 'CANARY-one-two-three-CANARY!' }))).text, '[redacted a]!')
  t.equal(JSON.parse(redact(line({ text: 'CANARY-named!' }))).text, '[redacted]!')
})

t.test('the version before is looked for until the next rotation', async (t) => {
  const { live, holder, redact } = holding({ db: 'CANARY-version-1' })
  holder.hold('db', Buffer.from('CANARY-version-2'))
  const text = line({ text: 'CANARY-version-1 CANARY-version-2' })
  t.equal(JSON.parse(redact(text)).text, '[redacted db] [redacted db]')
  holder.hold('db', Buffer.from('CANARY-version-2'))
  t.equal(JSON.parse(redact(text)).text, '[redacted db] [redacted db]', 'the same again is no rotation')
  holder.hold('db', Buffer.from('CANARY-version-3'))
  t.equal(JSON.parse(redact(text)).text, 'CANARY-version-1 [redacted db]')
  t.equal(live.stats.values, 2)
})

t.test('what is held no longer is looked for ten minutes more', async (t) => {
  let now = 0
  const { live, holder, redact } = holding({ db: 'CANARY-version-1' }, () => now)
  holder.release('db')
  now = 599_999
  t.match(redact(line({ text: 'CANARY-version-1' })), '[redacted db]')
  now = 600_001
  t.match(redact(line({ text: 'CANARY-version-1' })), 'CANARY-version-1')
  t.equal(live.stats.values, 0)
})

t.test('of what is held no longer a thousand are looked for, the last ones', async (t) => {
  const { live, holder } = holding({})
  for (let at = 0; at < 3_000; at += 1) {
    holder.hold(`discovered-${at}`, Buffer.from(`CANARY-value-${at}-of-many`))
    holder.release(`discovered-${at}`)
  }
  t.equal(live.stats.values, 1_000)
  t.match(live.redactText('CANARY-value-2999-of-many'), '[redacted discovered-2999]')
  t.equal(live.redactText('CANARY-value-1-of-many'), 'CANARY-value-1-of-many')
})

t.test('a value of several names is looked for as long as one has it', async (t) => {
  let now = 0
  const { live, holder, redact } = holding({ a: 'CANARY-shared', b: 'CANARY-shared' }, () => now)
  const other = live.holder()
  other.hold('a', Buffer.from('CANARY-shared'))
  t.equal(live.stats.values, 1)
  holder.release('a')
  holder.release('b')
  now = 600_001
  t.match(redact(line({ text: 'CANARY-shared' })), '[redacted a]', 'somebody else has it under that name')
  other.release('a')
  now = 1_200_002
  t.match(redact(line({ text: 'CANARY-shared' })), 'CANARY-shared')
})

t.test('in a text that is no log a value may go over several lines', async (t) => {
  const { live } = holding({ key: '-----BEGIN-----\nCANARY-abc\n-----END-----\n' })
  t.equal(
    live.redactText('sidekeep: it said\n-----BEGIN-----\nCANARY-abc\n-----END-----\nand ended\n'),
    'sidekeep: it said\n[redacted key]\nand ended\n',
  )
})

for (const format of ['json', 'pretty'] as const) {
  t.test(`what is logged as ${format} has no value that is held, whoever logs it`, async (t) => {
    const { live } = holding({ 'db-password': value })
    let text = ''
    const destination = {
      write(chunk: string) {
        text += chunk
      },
    }
    const log = await createLog({ level: 'info', format, destination, values: live })
    for (const form of Object.values(forms)) log.warn({ form, nested: { form: [form] } }, `it said ${form}`)
    log.info('the last line')
    while (!text.includes('the last line')) await new Promise((resolve) => setImmediate(resolve))
    t.match(text, '[redacted db-password]')
    canaryGuard(t).noLeak('the log', text.replaceAll('[redacted db-password]', ''))
  })
}
