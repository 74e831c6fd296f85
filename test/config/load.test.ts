import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError, type Loaded, loadConfig } from '../../src/config/load.ts'
import { CodedError } from '../../src/errors.ts'
import { smallest } from './helpers.ts'

interface Place {
  readonly cwd: string
  readonly systemFile: string
}

/** An empty working directory, and a path where the file of the machine would be. */
function place(t: Test): Place {
  const cwd = t.testdir()
  return { cwd, systemFile: join(cwd, 'etc.yaml') }
}

/** A configuration that tells by its prefix where it came from. */
const from = (name: string): string => smallest.replace('APP_', name)

function origin(loaded: Loaded): string {
  const provider = loaded.config.providers.p
  return provider?.type === 'env' ? provider.prefix : 'elsewhere'
}

async function refusal(loading: Promise<Loaded>): Promise<CodedError> {
  try {
    await loading
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  throw new Error('It loaded.')
}

t.test('each place goes before the next: --config, SIDEKEEP_CONFIG, ./, /etc, the environment', async (t) => {
  const { cwd, systemFile } = place(t)
  writeFileSync(join(cwd, 'option.yaml'), from('OPTION'))
  writeFileSync(join(cwd, 'variable.yaml'), from('VARIABLE'))
  const file = 'option.yaml'
  const env = { SIDEKEEP_CONFIG: join(cwd, 'variable.yaml'), SIDEKEEP_URL: 'https://a.test' }
  const url = { SIDEKEEP_URL: 'https://a.test', AUTH_TOKEN: 'CANARY-token-1' }

  t.equal((await loadConfig({ env: url, cwd, systemFile })).source, 'the environment')
  writeFileSync(systemFile, from('SYSTEM'))
  t.equal(origin(await loadConfig({ env: url, cwd, systemFile })), 'SYSTEM')
  writeFileSync(join(cwd, 'sidekeep.yaml'), from('LOCAL'))
  t.equal(origin(await loadConfig({ env: url, cwd, systemFile })), 'LOCAL')
  t.equal(origin(await loadConfig({ env, cwd, systemFile })), 'VARIABLE')
  t.equal(origin(await loadConfig({ file, env, cwd, systemFile })), 'OPTION')
})

t.test('the source is the file as it was named', async (t) => {
  const { cwd, systemFile } = place(t)
  writeFileSync(join(cwd, 'a.yaml'), smallest)
  writeFileSync(join(cwd, 'sidekeep.yaml'), smallest)
  t.equal((await loadConfig({ file: 'a.yaml', env: {}, cwd, systemFile })).source, 'a.yaml')
  t.equal((await loadConfig({ env: {}, cwd, systemFile })).source, './sidekeep.yaml')
})

t.test('variables of the simplest case have no effect beside a file, and that is a warning', async (t) => {
  const { cwd, systemFile } = place(t)
  writeFileSync(join(cwd, 'sidekeep.yaml'), smallest)
  const env = { SIDEKEEP_URL: 'https://a.test', SIDEKEEP_REFRESH: '1m' }
  t.strictSame((await loadConfig({ env, cwd, systemFile })).warnings, [
    'SIDEKEEP_URL has no effect: the configuration comes from ./sidekeep.yaml.',
    'SIDEKEEP_REFRESH has no effect: the configuration comes from ./sidekeep.yaml.',
  ])
})

t.test('nothing anywhere is an error that says where was looked, and what to do', async (t) => {
  const { cwd, systemFile } = place(t)
  const error = await refusal(loadConfig({ env: { SIDEKEEP_CONFIG: '' }, cwd, systemFile }))
  t.equal(error.code, 'SIDEKEEP_CONFIG_NOT_FOUND')
  t.equal(error.exitCode, 78)
  for (const text of ['./sidekeep.yaml', systemFile, '--config FILE', 'SIDEKEEP_URL'])
    t.match(error.message, text)
})

t.test('a file that was named must be there, even if another place has one', async (t) => {
  const { cwd, systemFile } = place(t)
  writeFileSync(join(cwd, 'sidekeep.yaml'), smallest)
  const option = await refusal(loadConfig({ file: 'absent.yaml', env: {}, cwd, systemFile }))
  t.equal(
    option.message,
    'absent.yaml: expected a file (named by --config), got nothing: put it there, or name the place where it is',
  )
  t.equal(option.code, 'SIDEKEEP_CONFIG_INVALID')
  const variable = await refusal(loadConfig({ env: { SIDEKEEP_CONFIG: '/absent/x' }, cwd, systemFile }))
  t.equal(
    variable.message,
    '/absent/x: expected a file (named by SIDEKEEP_CONFIG), got nothing: put it there, or name the place where it is',
  )
})

t.test('a file that is there and not usable is an error, not a reason to go on', async (t) => {
  const { cwd, systemFile } = place(t)
  writeFileSync(systemFile, smallest)
  const local = join(cwd, 'sidekeep.yaml')
  const message = async (): Promise<string> =>
    (await refusal(loadConfig({ env: {}, cwd, systemFile }))).message

  symlinkSync(local, local)
  t.equal(await message(), './sidekeep.yaml: expected a readable file, got ELOOP')
  const named = async (name: string, content: string | Buffer): Promise<string> => {
    writeFileSync(join(cwd, name), content)
    return (await refusal(loadConfig({ file: name, env: {}, cwd, systemFile }))).message
  }
  t.match(await named('latin1.yaml', Buffer.from([0xe9])), 'expected UTF-8 text, got other bytes')
  t.match(
    await named('large.yaml', `# ${'x'.repeat(1024 * 1024)}`),
    'expected a file of at most 1048576 bytes, got a larger one',
  )
  t.match(await named('empty.yaml', ''), 'empty.yaml:1:1: expected a configuration')
  mkdirSync(join(cwd, 'directory'))
  const directory = await refusal(loadConfig({ file: 'directory', env: {}, cwd, systemFile }))
  t.equal(directory.message, 'directory: expected a file, got a directory')
})

t.test('problems are told with the name of the file', async (t) => {
  const { cwd, systemFile } = place(t)
  writeFileSync(join(cwd, 'a.yaml'), `${smallest}log: { lvel: info }`)
  const error = await refusal(loadConfig({ file: 'a.yaml', env: {}, cwd, systemFile }))
  t.type(error, ConfigError)
  t.match(error.message, /^a\.yaml:6:8 log\.lvel: expected one of level, format/)
})

t.test('a byte order mark is no part of the file', async (t) => {
  const { cwd, systemFile } = place(t)
  writeFileSync(join(cwd, 'a.yaml'), `\ufeff${smallest}`)
  t.ok(await loadConfig({ file: 'a.yaml', env: {}, cwd, systemFile }))
})

t.test('a pipe can carry the configuration, as with --config <(…)', async (t) => {
  const { cwd, systemFile } = place(t)
  const path = join(cwd, 'pipe')
  const run = (command: string, args: string[]): Promise<void> =>
    new Promise((resolve, reject) => execFile(command, args, (error) => (error ? reject(error) : resolve())))
  await run('mkfifo', [path])
  writeFileSync(join(cwd, 'a.yaml'), smallest)
  const writer = run('sh', ['-c', `cat "${join(cwd, 'a.yaml')}" > "${path}"`])
  t.equal(origin(await loadConfig({ file: path, env: {}, cwd, systemFile })), 'APP_')
  await writer
})
