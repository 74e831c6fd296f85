import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { leaveOut } from './left-out.ts'
import { noHttp2 } from './no-http2.ts'
import { plainBuiltins } from './plain-builtins.ts'
import { slimFastify } from './slim-fastify.ts'
import { besideUndici, slimUndici } from './slim-undici.ts'

export interface BundleOptions {
  /** The project's folder. */
  readonly root: string
  readonly outdir: string
  /** Below `root`; the program's own by default. */
  readonly entry?: string
}

/**
 * What CommonJS dependencies expect to find and ES modules do not have. Each chunk is a module of its own, so each has
 * it; what a chunk does not use costs nothing that could be measured.
 */
export const commonJsScope = [
  "import{createRequire as __createRequire}from'node:module';",
  'const require=__createRequire(import.meta.url),__filename=import.meta.filename,__dirname=import.meta.dirname;',
].join('')

/**
 * Bundles the program with all it needs. What is imported dynamically (a provider's SDK, YAML, pretty logs) becomes a
 * chunk that is read only when it is asked for.
 * @throws esbuild's error, with file and line, where the sources do not build
 */
export async function bundle(options: BundleOptions): Promise<Metafile> {
  const { version } = JSON.parse(readFileSync(join(options.root, 'package.json'), 'utf8'))
  const { metafile } = await build({
    absWorkingDir: options.root,
    entryPoints: { sidekeep: options.entry ?? 'src/main.ts' },
    outdir: options.outdir,
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'node',
    // Of an ES module only what is used comes along; the clients of AWS are hundreds of operations otherwise.
    mainFields: ['module', 'main'],
    target: 'node24',
    // Node keeps the source of every module in memory, in two bytes a character where one does not fit into one. Names
    // stay as they are, so that stack traces can be read: to shorten them all and have functions tell theirs all the same
    // (`keepNames`) takes three times the memory that the longer source does.
    minifyWhitespace: true,
    minifySyntax: true,
    charset: 'ascii',
    // The licences have a file of their own.
    legalComments: 'none',
    banner: { js: commonJsScope },
    define: { __SIDEKEEP_VERSION__: JSON.stringify(version) },
    plugins: [leaveOut, slimFastify, slimUndici, noHttp2, plainBuiltins],
    metafile: true,
    logLevel: 'warning',
  })
  for (const { from, to } of besideUndici(options.root)) {
    copyFileSync(from, join(options.outdir, 'chunks', to))
  }
  makeCommand(join(options.outdir, 'sidekeep.js'))
  return metafile
}

/** Only the entry is run by name; esbuild's banner would put the line on top of every chunk. */
function makeCommand(file: string): void {
  const shebang = '#!/usr/bin/env node\n'
  const text = readFileSync(file, 'utf8')
  if (!text.startsWith('#!')) writeFileSync(file, shebang + text)
  chmodSync(file, 0o755)
}
