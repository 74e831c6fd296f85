import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { type Loaded, loadConfig } from '../../src/config/load.ts'
import type { StringSource } from '../../src/config/source.ts'

function load(t: Test, env: NodeJS.ProcessEnv): Promise<Loaded> {
  const cwd = t.testdir()
  return loadConfig({ env, cwd, systemFile: join(cwd, 'absent') })
}

async function message(t: Test, env: NodeJS.ProcessEnv): Promise<string> {
  const error = await load(t, env).then(
    () => new Error('It loaded.'),
    (error: Error) => error,
  )
  t.notMatch(inspect(error, { depth: 9 }), /CANARY/)
  return error.message
}

function token({ config }: Loaded): StringSource | undefined {
  const provider = config.providers.default
  return provider?.type === 'http' ? provider.token : undefined
}

t.test('a URL and a token are a whole configuration', async (t) => {
  const loaded = await load(t, { SIDEKEEP_URL: 'https://a.test/secrets', AUTH_TOKEN: 'CANARY-token-1' })
  t.match(loaded.config.providers, { default: { type: 'http', url: 'https://a.test/secrets' } })
  t.strictSame(loaded.config.secrets, {
    '*': { provider: 'default', key: '*', refresh: 300_000, maxStale: 86_400_000, required: true },
  })
  t.equal(token(loaded)?.describe(), 'env AUTH_TOKEN')
  t.equal(await token(loaded)?.read(), 'CANARY-token-1')
  t.strictSame(loaded.warnings, [])
  t.notMatch(inspect(loaded, { depth: 9 }), /CANARY/)
})

t.test('the token may stand in a file', async (t) => {
  const path = join(t.testdir(), 'token')
  const env = { SIDEKEEP_URL: 'https://a.test', SIDEKEEP_TOKEN_FILE: path }
  const loaded = await loadConfig({ env, cwd: t.testdirName, systemFile: join(t.testdirName, 'absent') })
  writeFileSync(path, 'CANARY-token-2\n')
  t.equal(await token(loaded)?.read(), 'CANARY-token-2')
})

t.test('refresh and listen may be set', async (t) => {
  const { config } = await load(t, {
    SIDEKEEP_URL: 'https://a.test',
    SIDEKEEP_REFRESH: '30s',
    SIDEKEEP_LISTEN: 'unix:/run/api.sock',
  })
  t.equal(config.secrets['*']?.refresh, 30_000)
  t.strictSame(config.api.listen, { kind: 'unix', path: '/run/api.sock' })
})

t.test('no token is a warning, and an empty variable is no token', async (t) => {
  const { warnings } = await load(t, { SIDEKEEP_URL: 'https://a.test', AUTH_TOKEN: '' })
  t.match(warnings, ['Neither AUTH_TOKEN nor SIDEKEEP_TOKEN_FILE is set: no token is sent.'])
})

t.test('a URL that asks key by key cannot be required: nothing says what there is', async (t) => {
  const { config } = await load(t, { SIDEKEEP_URL: 'https://a.test/{key}', AUTH_TOKEN: 'CANARY-token-1' })
  t.equal(config.secrets['*']?.required, false)
})

t.test('all problems are told at once, by their variables, without what these hold', async (t) => {
  const text = await message(t, {
    SIDEKEEP_URL: 'ftp://CANARY-url',
    AUTH_TOKEN: 'CANARY-token-1',
    SIDEKEEP_TOKEN_FILE: '/CANARY-file',
    SIDEKEEP_REFRESH: 'CANARY-refresh',
    SIDEKEEP_LISTEN: 'CANARY-listen',
  })
  t.strictSame(
    text.split('\n').map((line) => line.slice(0, line.indexOf(': expected'))),
    [
      'the environment SIDEKEEP_TOKEN_FILE',
      'the environment SIDEKEEP_LISTEN',
      'the environment SIDEKEEP_URL',
      'the environment SIDEKEEP_REFRESH',
    ],
  )
})

t.test('rules between options are told by the variable too', async (t) => {
  const env = { SIDEKEEP_URL: 'https://a.test', SIDEKEEP_LISTEN: '0.0.0.0:7575', SIDEKEEP_REFRESH: '2d' }
  const text = await message(t, env)
  t.match(text, /^the environment SIDEKEEP_LISTEN: expected a loopback address/m)
  t.match(text, /^the environment SIDEKEEP_REFRESH: expected at most maxStale/m)
})

t.test('a path that is none is told by its variable', async (t) => {
  const text = await message(t, { SIDEKEEP_URL: 'https://a.test', SIDEKEEP_TOKEN_FILE: '/CANARY\n' })
  t.match(text, /^the environment SIDEKEEP_TOKEN_FILE: expected/)
})
