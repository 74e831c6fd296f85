import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root, run } from '../support/process-child.ts'

const commands = [
  'run',
  'check',
  'get',
  'list',
  'explain',
  'wait',
  'probe',
  'quit',
  'demo',
  'token',
  'schema',
  'version',
] as const

t.test('the help lists every command with its line, and the exit codes', async (t) => {
  const [bare, ...others] = await Promise.all([[], ['help'], ['--help']].map((args) => run(t, args)))
  t.match(bare, { code: 0, stderr: '' })
  for (const same of others) t.equal(same.stdout, bare?.stdout)
  for (const command of commands) t.match(bare?.stdout, new RegExp(`^  ${command} +\\S`, 'm'))
  for (const code of [0, 1, 69, 75, 77, 78]) t.match(bare?.stdout, new RegExp(`\\b${code}\\b`))
})

t.test('each command has a help with its usage and options, which runs nothing', async (t) => {
  const helps = await Promise.all(commands.map((command) => run(t, [command, '--help'])))
  for (const [index, { code, stdout, stderr }] of helps.entries()) {
    t.match({ code, stderr }, { code: 0, stderr: '' })
    t.match(stdout, new RegExp(`^sidekeep ${commands[index]}\\b`))
    for (const line of stdout.split('\n')) t.ok(line.length <= 120, `fits a terminal: ${line}`)
  }
  t.match((await run(t, ['get', '-h'])).stdout, helps[2]?.stdout)
})

t.test('version tells its own and that of Node', async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const told = await Promise.all([['version'], ['--version'], ['-v']].map((args) => run(t, args)))
  for (const { code, stdout } of told) {
    t.equal(code, 0)
    t.equal(stdout, `sidekeep ${version} (Node ${process.version})\n`)
  }
})

t.test('a Node that is too old is told so, and which one it takes', async (t) => {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    engines: { node: string }
  }
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`
  const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(old)}`]
  for (const args of [['run'], ['get', 'db-password'], ['version']]) {
    const { code, stdout, stderr } = await run(t, args, { nodeArgs })
    t.match({ code, stdout }, { code: 78, stdout: '' })
    t.match(
      stderr,
      `Sidekeep needs Node ${engines.node.replace('>=', '')} or newer, and this is Node 20.20.2.`,
    )
    t.match(stderr, /\(SIDEKEEP_USAGE\)$/m)
  }
})

t.test('schema prints a JSON Schema that describes the configuration', async (t) => {
  const { code, stdout } = await run(t, ['schema'])
  t.equal(code, 0)
  const schema = JSON.parse(stdout) as { properties: Record<string, { description?: string }> }
  t.match(schema, { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' })
  const options = [
    'api',
    'audit',
    'files',
    'ops',
    'providers',
    'secrets',
    'cache',
    'shutdown',
    'log',
    'proxy',
    'reload',
  ]
  t.strictSame(Object.keys(schema.properties).sort(), options.sort())
  for (const option of options) t.type(schema.properties[option]?.description, 'string')
})

t.test('what is no command, option or argument is refused with the way to the help', async (t) => {
  const wrong = [
    { args: ['lst'], says: 'There is no command "lst". See "sidekeep --help".' },
    { args: ['constructor'], says: 'There is no command "constructor"' },
    { args: ['run', '--confg', 'x'], says: /Unknown option '--confg'.*See "sidekeep run --help"/ },
    { args: ['run', 'extra'], says: 'Unexpected argument "extra". See "sidekeep run --help".' },
    { args: ['check', '--config'], says: /--config.*argument missing.*See "sidekeep check --help"/s },
    { args: ['schema', 'extra'], says: 'See "sidekeep schema --help".' },
    { args: ['version', '--long'], says: 'See "sidekeep version --help".' },
    { args: ['probe', 'livez', 'readyz'], says: 'Unexpected argument "readyz"' },
  ]
  const results = await Promise.all(wrong.map(({ args }) => run(t, args)))
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    t.match({ code, stdout }, { code: 78, stdout: '' })
    t.match(stderr, wrong[index]?.says)
    t.match(stderr, /^sidekeep: .*\(SIDEKEEP_USAGE\)$/m)
    t.equal(stderr.split('\n').length, 2, 'in one line')
  }
})
