import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { transformSync } from 'esbuild'
import { commonJsScope } from './bundle.ts'

/**
 * A chunk of the bundle as `docker/executable/load.cjs` takes it: CommonJS, whose code can be recorded, which that of ES
 * modules cannot.
 */
export function asCommonJs(chunk: string): string {
  const text = chunk.replace(/^#!.*\n/, '').replace(commonJsScope, '')
  const { code } = transformSync(text, {
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    // Whitespace and syntax as they are in the bundle, which is small already; the code around it is new.
    minifyWhitespace: true,
    minifySyntax: true,
    charset: 'ascii',
    legalComments: 'none',
    // `import()` becomes a promise of `require`.
    supported: { 'dynamic-import': false },
    define: {
      'import.meta.url': '__moduleUrl',
      'import.meta.filename': '__filename',
      'import.meta.dirname': '__dirname',
    },
  })
  return code
}

/** Lays the bundle out as the image has it. @param from what `npm run build` made @param beside files that load it */
export function layOut(from: string, into: string, beside: readonly string[]): void {
  cpSync(from, into, { recursive: true })
  for (const name of readdirSync(into, { recursive: true, encoding: 'utf8' })) {
    const file = join(into, name)
    if (name.endsWith('.js')) writeFileSync(file, asCommonJs(readFileSync(file, 'utf8')), { mode: 0o644 })
  }
  writeFileSync(join(into, 'package.json'), '{"type":"commonjs"}\n')
  for (const file of beside) copyFileSync(file, join(into, basename(file)))
}

export interface Recording {
  /** Where `layOut` has laid it out; the code comes beside it. */
  readonly folder: string
  readonly recorder: string
  /** The Node that the image has. */
  readonly node: string
  /** The options that the image's executable runs with. */
  readonly options: readonly string[]
  /** How long the program is left alone when it is ready, in milliseconds: it loads its metrics a second later. */
  readonly settling?: number
}

/** Code that runs is never optimised here, nor thrown away, nor made in another order: the same each time. */
const steady = [
  ...['--hash-seed=1', '--random-seed=1', '--predictable', '--single-threaded'],
  ...['--no-opt', '--no-maglev', '--no-sparkplug'],
  ...['--max-old-space-size=1024', '--min-semi-space-size=64', '--max-semi-space-size=64'],
]
/**
 * Which events of a start come first depends on the machine now and then: of several recordings that one is taken which
 * has been seen so often first. In some forty on a busy machine all were the same.
 */
const often = 3
const mostTries = 15
/** How long the program may take until it is ready, in milliseconds. */
const patience = 60_000
/** What is loaded by configuration or as a command of its own, and is small; in bytes. */
const further = /^(provider|server|room|check|explain|get|list|probe|quit|wait)-\w+\.js$/
const smallEnough = 100_000

const configuration = `api: { listen: "127.0.0.1:0" }
providers: { p: { type: env, prefix: IMAGE_ } }
secrets: { a: { provider: p, key: SECRET } }
`

/**
 * Records the code of a start, as often as it takes to tell the usual one.
 * @throws where the program does not start, or no recording is the usual one
 */
export async function record(recording: Recording): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'sidekeep-code-'))
  try {
    const config = join(work, 'sidekeep.yaml')
    writeFileSync(config, configuration)
    const seen = new Map<string, number>()
    for (let tries = 0; tries < mostTries; tries += 1) {
      await recordOnce(recording, config)
      const code = readFileSync(join(recording.folder, 'code.bin'), 'latin1')
      const times = (seen.get(code) ?? 0) + 1
      if (times === often) return
      seen.set(code, times)
    }
    throw new Error(`of ${mostTries} recordings of the program's code no ${often} are the same`)
  } finally {
    rmSync(work, { recursive: true })
  }
}

async function recordOnce(recording: Recording, config: string): Promise<void> {
  const { folder, recorder, node, options, settling = 1_500 } = recording
  const chunks = readdirSync(join(folder, 'chunks')).filter((name) => further.test(name))
  const small = chunks.filter((name) => statSync(join(folder, 'chunks', name)).size <= smallEnough)
  const names = small.sort().map((name) => `chunks/${name}`)
  const heap = /^--max-(old|semi)-space-size/
  const child = spawn(
    node,
    [
      ...options.filter((option) => !heap.test(option)),
      ...steady,
      ...[recorder, folder, config, flagHashOf(node, options), ...names],
    ],
    // One thread for files: what they are read in is an order then.
    { env: { IMAGE_SECRET: 'short', UV_THREADPOOL_SIZE: '1' }, stdio: ['pipe', 'pipe', 'pipe'] },
  )
  const limit = setTimeout(() => child.kill('SIGKILL'), patience)
  let said = ''
  const hear = (text: string): void => {
    const wasReady = said.includes('"msg":"ready')
    said += text
    if (!wasReady && said.includes('"msg":"ready')) setTimeout(() => child.stdin.end(), settling)
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject)
  child.once('close', resolve)
  const code = await promise
  clearTimeout(limit)
  if (code !== 0) throw new Error(`the program did not start and stop (${code}):\n${said.slice(-2_000)}`)
}

/** V8's hash of its options, in hexadecimal, from the head of what it makes under them (`SerializedCodeData`). */
function flagHashOf(node: string, options: readonly string[]): string {
  const script =
    'new (require("node:vm").Script)("0", { produceCachedData: true }).cachedData.readUInt32LE(12).toString(16)'
  const { stdout, stderr, status } = spawnSync(node, [...options, '--print', script], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${node} does not run with the image's options: ${stderr}`)
  return stdout.trim()
}
