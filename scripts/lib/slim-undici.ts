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

export const slimUndici: Plugin = {
  name: 'slim-undici',
  setup(build) {
    const require = createRequire(join(build.initialOptions.absWorkingDir ?? process.cwd(), 'package.json'))
    build.onResolve({ filter: /^undici$/ }, () => ({
      path: 'undici',
      namespace: 'slim-undici',
      sideEffects: false,
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
