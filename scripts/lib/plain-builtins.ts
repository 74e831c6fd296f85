import type { Plugin } from 'esbuild'

/**
 * Takes Node's own modules as CommonJS does. An `import` of one reads all its exports, the lazy ones too: `node:http`
 * alone then loads Node's inner copy of undici with WebSocket, HTTP/2 and web streams, which is 10 MiB of resident
 * memory and a part of the time to start, for a program that uses none of it.
 */
export const plainBuiltins: Plugin = {
  name: 'plain-builtins',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin', sideEffects: false } : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
      loader: 'js',
    }))
  },
}
