import { execFile, spawnSync } from 'node:child_process'
import { accessSync, constants, cpSync, globSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { transformSync } from 'esbuild'
import t from 'tap'
import { version } from '../../src/version.ts'

const root = join(import.meta.dirname, '..', '..')

const build = (outdir: string): string => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'build.ts'), '--outdir', outdir],
    { cwd: tmpdir(), encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`the build failed\n${stdout}${stderr}`)
  return stdout
}

const files = (folder: string): string[] => globSync('**/*.*', { cwd: folder }).sort()

const first = t.testdir({ built: {}, 'somewhere else': {} })
const built = join(first, 'built')
const printed = build(built)
const alone = join(first, 'somewhere else')
cpSync(built, alone, { recursive: true })

const sidekeep = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(alone, 'sidekeep.js'), ...args], {
    cwd: alone,
    env: {},
    encoding: 'utf8',
  })

t.test('the bundle runs alone: elsewhere, without node_modules and with an empty environment', async (t) => {
  const { status, stdout, stderr } = sidekeep('version')
  t.equal(stderr, '')
  t.equal(status, 0)
  t.match(stdout, version)
})

t.test('each chunk is a module that Node can read', async (t) => {
  for (const name of files(built).filter((file) => file.endsWith('.js'))) {
    t.doesNotThrow(() => transformSync(readFileSync(join(built, name), 'utf8'), { logLevel: 'silent' }), name)
  }
})

t.test('the bundle is a command: executable, with a shebang', async (t) => {
  const file = join(built, 'sidekeep.js')
  t.doesNotThrow(() => accessSync(file, constants.X_OK))
  t.match(readFileSync(file, 'utf8'), /^#!\/usr\/bin\/env -S node( --[a-z0-9=-]+)*\n/)
})

t.test('the bundle holds every chunk that it names, and says their sizes', async (t) => {
  const names = files(built)
  for (const name of names.filter((file) => file.endsWith('.js'))) {
    t.match(printed, name)
    for (const [, chunk = ''] of readFileSync(join(built, name), 'utf8').matchAll(
      /["']\.\/(?:chunks\/)?([\w.-]+-[A-Z0-9]{8}\.js)["']/g,
    )) {
      t.ok(names.includes(join('chunks', chunk)), `${name} names ${chunk}`)
    }
  }
})

t.test(
  'what a command does not need is not read: YAML and pretty logs are chunks of their own',
  async (t) => {
    const lazy = files(alone).filter((file) => /yaml|pino-pretty/.test(file))
    t.ok(lazy.length >= 2, lazy.join(', '))
    for (const file of lazy) rmSync(join(alone, file))
    t.equal(sidekeep('version').status, 0)
  },
)

const textOf = (folder: string): string =>
  files(folder)
    .filter((file) => file.endsWith('.js'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')

t.test('of undici only the part that is used comes along', async (t) => {
  const text = textOf(built)
  t.match(text, 'PoolBase')
  // A function of lib/web/fetch/index.js.
  t.notMatch(text, 'httpRedirectFetch')
  const parsers = [...text.matchAll(/AGFzbQ/g)].length
  t.equal(parsers, 1, 'one parser of HTTP, and another beside it for a processor that cannot run this one')
  t.ok(files(built).includes(join('chunks', 'llhttp-wasm.cjs')))
})

t.test('a processor without vector instructions has the other parser of HTTP', async (t) => {
  const backend = createServer((_, response) =>
    response.setHeader('content-type', 'application/json').end('[]'),
  )
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const address = backend.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const folder = t.testdir({
    'sidekeep.yaml': `providers: { p: { type: http, url: "http://127.0.0.1:${port}" } }\nsecrets: { "*": { provider: p } }\n`,
  })
  const args = [join(built, 'sidekeep.js'), 'check', '--connect', '--config', join(folder, 'sidekeep.yaml')]
  const env = { UNDICI_NO_WASM_SIMD: '1' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  t.match(stdout, /p/)
  backend.close()
})

t.test('of Fastify only the part that is used comes along', async (t) => {
  const text = textOf(built)
  t.match(text, 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
  for (const name of ['ajv-formats', 'class Ajv', 'lightMyRequest.inject', 'semver.inc'])
    t.notMatch(text, name)
})

t.test('what of Node costs memory and is not used is not loaded: HTTP/2, and lazy exports', async (t) => {
  const text = textOf(built)
  t.notMatch(text, /["'](?:node:)?http2["']\)/)
  const imported = [...text.matchAll(/\b(?:from|import)\s*["'](node:[\w/]+)["']/g)].map(([, name]) => name)
  t.strictSame([...new Set(imported)], ['node:module'])
})

t.test('the same sources give the same bytes', async (t) => {
  const again = t.testdir()
  build(again)
  t.strictSame(files(again), files(built))
  for (const file of files(built))
    t.ok(readFileSync(join(again, file)).equals(readFileSync(join(built, file))), file)
})

t.test('no path of the machine that built it is in it', async (t) => {
  for (const file of files(built)) t.notMatch(readFileSync(join(built, file), 'utf8'), root, file)
})

t.test('the licences of what is bundled come along', async (t) => {
  const text = readFileSync(join(built, 'THIRD-PARTY-LICENSES.txt'), 'utf8')
  for (const name of ['pino', 'undici', 'lru-cache', 'yaml', 'zod'])
    t.match(text, new RegExp(`^  ${name} \\d`, 'm'))
  t.notMatch(text, /^ {2}(typescript|tap|esbuild) /m)
  t.match(text, 'Permission is hereby granted')
})

t.test('a build leaves no chunks of an earlier one behind', async (t) => {
  const outdir = t.testdir({ chunks: { 'old-AAAAAAAA.js': '' } })
  build(outdir)
  t.notOk(files(outdir).includes(join('chunks', 'old-AAAAAAAA.js')))
})
