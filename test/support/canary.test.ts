import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { Secret, SecretValue } from '../../src/secrets/secret.ts'
import { canaryGuard, traceOfCanary } from './canary.ts'

const value = 'CANARY-harness-1'

t.test('a value is found in every encoding that it may leak in', async (t) => {
  const bytes = Buffer.from(value)
  const everyChar = (code: (char: number) => string): string => [...bytes].map(code).join('')
  const leaks: Record<string, string | Uint8Array> = {
    plain: `password=${value}!`,
    bytes: Buffer.concat([Buffer.from([0xff, 0xfe]), bytes]),
    'URL-encoded': encodeURIComponent(`ä ${value}`),
    'percent-encoded throughout': everyChar((char) => `%${char.toString(16)}`),
    JSON: JSON.stringify({ value }),
    'JSON in JSON, escaped': JSON.stringify(JSON.stringify(everyChar((char) => `\\u00${char.toString(16)}`))),
    'HTML entities': everyChar((char) => `&#${char};`),
    'HTML entities in hex': everyChar((char) => `&#x${char.toString(16)};`),
    'UTF-16': Buffer.from(value, 'utf16le'),
    hex: bytes.toString('hex'),
    'upper-case hex': bytes.toString('hex').toUpperCase(),
    'an inspected buffer': inspect(bytes),
    'an inspected array': inspect(new Uint8Array(bytes)),
    'a buffer in JSON': JSON.stringify({ bytes }),
  }
  for (const [encoding, leak] of Object.entries(leaks)) t.ok(traceOfCanary(leak), encoding)
})

t.test('a value is found in base64 whatever stands before and after it', async (t) => {
  for (const before of ['', 'a', 'ab', 'abc', 'user:', 'ü', '\u0000\u0001']) {
    for (const after of ['', 'x', 'xy']) {
      const bytes = Buffer.from(before + value + after)
      t.equal(
        traceOfCanary(`Basic ${bytes.toString('base64')}`),
        'in base64',
        `base64 with ${before.length} before`,
      )
      t.equal(
        traceOfCanary(bytes.toString('base64url')),
        'in base64',
        `base64url with ${before.length} before`,
      )
    }
  }
  const wrapped = Buffer.from(`a ${value}`).toString('base64').replaceAll(/.{4}/g, '$&\r\n')
  t.equal(traceOfCanary(wrapped), 'in base64', 'broken into lines')
})

t.test('outputs without a value are left in peace', async (t) => {
  for (const harmless of [
    '',
    'canary',
    'CANARY',
    'a-canary-name',
    '[secret db-password@7]',
    Buffer.alloc(64).toString('base64'),
  ]) {
    t.equal(traceOfCanary(harmless), undefined)
  }
})

t.test('a secret passes as an object, since nothing prints its value', async (t) => {
  const canary = canaryGuard(t)
  const secret = new Secret('db-password', '7', SecretValue.fromText(value))
  canary.noLeak('a secret', secret)
  canary.noLeak('an error that carries one', Object.assign(new Error('refused'), { secret }))
})

t.test('what streams and children wrote is there to be read', async (t) => {
  const canary = canaryGuard(t)
  canary.sink('the log').end('one line\n')
  t.equal(canary.textOf('the log'), 'one line\n')
  const child = spawn(process.execPath, ['-e', 'console.log(1); console.error(2)'])
  canary.watchChild('the child', child)
  await once(child, 'close')
  t.equal(canary.textOf('the stdout of the child'), '1\n')
  t.equal(canary.textOf('the stderr of the child'), '2\n')
  t.throws(
    () => canary.watchChild('a child', spawn(process.execPath, ['-v'], { stdio: 'ignore' })),
    /no pipes/,
  )
})

const fixture = join(import.meta.dirname, 'fixtures', 'leaky.ts')

for (const [way, where] of [
  ['sink', 'the log'],
  ['split', 'the log'],
  ['child', 'the stderr of a child'],
  ['stdout', "this process's own stdout"],
  ['stderr', "this process's own stderr"],
] as const) {
  t.test(`a leak into ${where} (${way}) fails the test that watches it`, async (t) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [fixture, way], { encoding: 'utf8' })
    t.equal(status, 1)
    t.match(stdout + stderr, `A secret's value leaked into ${where}`)
  })
}

t.test('the same test without a leak passes', async (t) => {
  const { status, stdout } = spawnSync(process.execPath, [fixture, 'none'], { encoding: 'utf8' })
  t.equal(status, 0, stdout)
})

t.test('an output that is checked at once fails its test at once', async (t) => {
  const { status, stdout } = spawnSync(process.execPath, [fixture, 'now'], { encoding: 'utf8' })
  t.equal(status, 1)
  t.match(stdout, /not ok \d+ - an error carries no secret's value/)
})
