import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { isAbsent, type SourceUse, StringSource } from '../../src/config/source.ts'
import { CodedError } from '../../src/errors.ts'

async function unreadable(t: Test, source: StringSource): Promise<string> {
  try {
    await source.read()
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    t.equal(error.code, 'SIDEKEEP_CREDENTIAL_UNREADABLE')
    t.notMatch(inspect(error), /CANARY/, 'no value in the error')
    return error.message
  }
  throw new Error('It was readable.')
}

function written(t: Test, content: string | Buffer, use: SourceUse = 'credential'): StringSource {
  const path = join(t.testdir(), 'token')
  writeFileSync(path, content)
  return new StringSource({ file: path }, use)
}

t.test('a literal is read as it is', async (t) => {
  t.equal(await new StringSource('CANARY-literal-1').read(), 'CANARY-literal-1')
})

t.test('a variable is read again at each use', async (t) => {
  const env: NodeJS.ProcessEnv = { TOKEN: 'CANARY-token-1' }
  const source = new StringSource({ env: 'TOKEN' }).withEnvironment(env)
  t.equal(await source.read(), 'CANARY-token-1')
  env.TOKEN = 'CANARY-token-2'
  t.equal(await source.read(), 'CANARY-token-2')
})

t.test('a file is read again at each use, since mounted tokens are replaced', async (t) => {
  const path = join(t.testdir({ token: 'CANARY-token-1\n' }), 'token')
  const source = new StringSource({ file: path })
  t.equal(await source.read(), 'CANARY-token-1')
  writeFileSync(path, 'CANARY-token-2')
  t.equal(await source.read(), 'CANARY-token-2')
})

t.test('one newline at the end of a file is dropped, of either kind', async (t) => {
  t.equal(await written(t, 'CANARY-token\n').read(), 'CANARY-token')
  t.equal(await written(t, 'CANARY-token\r\n').read(), 'CANARY-token')
  t.equal(await written(t, 'CANARY-pem\n\n', 'text').read(), 'CANARY-pem\n')
})

t.test('a credential that a header cannot carry is refused without showing it', async (t) => {
  for (const value of [
    'CANARY-a\nCANARY-b',
    'CANARY-a\rCANARY-b',
    'CANARY-a\0',
    'CANARY-a\n\n',
    'CANARY-ключ',
  ]) {
    t.match(await unreadable(t, written(t, value)), /a character that an HTTP header cannot carry/)
  }
  const env = new StringSource({ env: 'TOKEN' }, 'credential', { TOKEN: 'CANARY-a\n' })
  t.match(await unreadable(t, env), /^env TOKEN holds a character/)
})

t.test('a text may have lines', async (t) => {
  t.equal(await written(t, 'CANARY-line-1\nCANARY-line-2\n', 'text').read(), 'CANARY-line-1\nCANARY-line-2')
})

t.test('a variable that is not set, or empty, is an error that names it', async (t) => {
  t.match(
    await unreadable(t, new StringSource({ env: 'TOKEN' }, 'credential', {})),
    /^env TOKEN is not set\. /,
  )
  t.match(
    await unreadable(t, new StringSource({ env: 'TOKEN' }, 'credential', { TOKEN: '' })),
    /^env TOKEN is empty/,
  )
})

t.test('a file that is not there is an error that names it and its cause', async (t) => {
  const path = join(t.testdir(), 'absent')
  t.match(await unreadable(t, new StringSource({ file: path })), `file ${path} cannot be read (ENOENT)`)
})

t.test('a link that leads nowhere is an error that names it', async (t) => {
  const path = join(t.testdir(), 'loop')
  symlinkSync(path, path)
  t.match(await unreadable(t, new StringSource({ file: path })), `file ${path} cannot be read (ELOOP)`)
})

t.test('what every object inherits is no variable', async (t) => {
  t.match(await unreadable(t, new StringSource({ env: 'constructor' })), /is not set/)
})

t.test('a directory is refused', async (t) => {
  const path = join(t.testdir(), 'directory')
  mkdirSync(path)
  t.match(await unreadable(t, new StringSource({ file: path })), /is no regular file/)
})

t.test('a named pipe is refused at once, though nobody writes to it', async (t) => {
  const path = join(t.testdir(), 'pipe')
  execFileSync('mkfifo', [path])
  t.match(await unreadable(t, new StringSource({ file: path })), /is no regular file/)
})

t.test('a file of more than 64 KiB is no credential', async (t) => {
  t.equal((await written(t, 'C'.repeat(65_536)).read()).length, 65_536)
  t.match(await unreadable(t, written(t, 'C'.repeat(65_537))), /is larger than 65536 bytes/)
  const env = new StringSource({ env: 'TOKEN' }, 'credential', { TOKEN: 'C'.repeat(65_537) })
  t.match(await unreadable(t, env), /is larger than 65536 bytes/)
})

t.test('a bundle of certificates may be longer than a credential', async (t) => {
  t.equal((await written(t, 'C'.repeat(300_000), 'text').read()).length, 300_000)
  t.match(await unreadable(t, written(t, 'C'.repeat(1_048_577), 'text')), /is larger than 1048576 bytes/)
})

t.test('a file that is no text is refused', async (t) => {
  t.match(await unreadable(t, written(t, Buffer.from([0xff, 0xfe]))), /is not UTF-8 text/)
})

t.test('a source describes its place', async (t) => {
  t.equal(new StringSource({ env: 'AUTH_TOKEN' }).describe(), 'env AUTH_TOKEN')
  t.equal(new StringSource({ file: '/run/token' }).describe(), 'file /run/token')
  t.equal(new StringSource('CANARY-literal').describe(), 'the configuration')
})

t.test('nothing that prints or serialises a source shows a literal', async (t) => {
  const literal = new StringSource('CANARY-literal')
  const texts = [
    `${literal}`,
    JSON.stringify(literal),
    inspect(literal, { showHidden: true, depth: 9 }),
    inspect({ literal }),
  ]
  for (const text of texts) t.match(text, '[redacted]')
  t.notMatch(texts.join(), /CANARY/)
  t.equal(inspect(new StringSource({ env: 'TOKEN' })), '[env TOKEN]')
  t.equal(JSON.stringify(new StringSource({ file: '/run/token' })), '{"file":"/run/token"}')
})

t.test('what stands in place of a path and is none is shown nowhere', async (t) => {
  const jwt = ['{"alg":"RS256"}', '{"sub":"CANARY-sub"}', 'CANARY-signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
  for (const file of [
    '{"type":"service_account","private_key":"CANARY-key"}',
    '-----BEGIN PRIVATE KEY-----CANARY-key',
    'CANARY-a\nCANARY-b',
    'CANARY-a\u2028b',
    '"CANARY-a"',
    jwt,
    `/run/${jwt}`,
    `CANARY-${'a'.repeat(256)}`,
    'CANARY-a/'.repeat(500),
  ]) {
    const source = new StringSource({ file })
    const message = await unreadable(t, source)
    t.match(
      message,
      /^the file that the configuration names \(what it says there is no path\) cannot be read/,
    )
    const error = await source.read().catch((error: unknown) => error)
    for (const text of [
      message,
      inspect(error, { depth: 9 }),
      inspect(source),
      JSON.stringify(source),
      `${source}`,
    ]) {
      t.notMatch(text, 'CANARY')
      t.notOk(text.includes(jwt.slice(0, 20)))
    }
    t.equal(isAbsent(error), /ENOENT/.test(message))
  }
  for (const file of ['/run/secrets/a b.pem', 'token', '../x/eyJ', '/var/run/secrets/ключ']) {
    t.equal(new StringSource({ file }).describe(), `file ${file}`)
    t.strictSame(new StringSource({ file }).toJSON(), { file })
  }
})
