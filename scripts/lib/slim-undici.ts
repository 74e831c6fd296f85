import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Plugin } from 'esbuild'

/**
 * The part of undici that the program uses, from the files where it lives: its root loads all of undici, fetch and
 * WebSocket and the caches too, which was 27 ms of every start. An import of anything else from 'undici' fails the
 * build; add it here then.
 */
const members = {
  Client: 'lib/dispatcher/client.js',
  Pool: 'lib/dispatcher/pool.js',
  buildConnector: 'lib/core/connect.js',
  errors: 'lib/core/errors.js',
}

/** Its parser of HTTP for processors without vector instructions, which hardly any machine needs: read only there. */
const plainParser = 'llhttp-wasm.cjs'

/** What the bundle wants beside its chunks: files of undici, and the names they get there. */
export function besideUndici(root: string): { readonly from: string; readonly to: string }[] {
  const folder = dirname(createRequire(join(root, 'package.json')).resolve('undici/package.json'))
  return [{ from: join(folder, 'lib/llhttp/llhttp-wasm.js'), to: plainParser }]
}

export const slimUndici: Plugin = {
  name: 'slim-undici',
  setup(build) {
    const require = createRequire(join(build.initialOptions.absWorkingDir ?? process.cwd(), 'package.json'))
    build.onResolve({ filter: /^undici$/ }, () => ({
      path: 'undici',
      namespace: 'slim-undici',
      sideEffects: false,
    }))
    build.onResolve({ filter: /\/llhttp\/llhttp-wasm\.js$/ }, () => ({
      path: `./${plainParser}`,
      external: true,
    }))
    // Another parser, which undici tries out where an environment variable asks for it.
    build.onResolve({ filter: /\/milo\/(no-)?simd\.js$/ }, ({ path }) => ({ path, namespace: 'no-milo' }))
    build.onLoad({ filter: /.*/, namespace: 'no-milo' }, () => ({
      contents:
        "throw new Error('UNDICI_USE_MILO: the bundle has no such parser (scripts/lib/slim-undici.ts)')",
      loader: 'js',
    }))
    build.onLoad({ filter: /.*/, namespace: 'slim-undici' }, () => {
      const folder = dirname(require.resolve('undici/package.json'))
      const lines = Object.entries(members).map(
        ([name, file]) => `export { default as ${name} } from ${JSON.stringify(`./${file}`)}`,
      )
      return { contents: lines.join('\n'), resolveDir: folder, loader: 'js' }
    })
  },
}
