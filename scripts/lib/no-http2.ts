import type { Plugin } from 'esbuild'

/**
 * Fastify and undici load Node's HTTP/2 when they are loaded, and nothing here speaks it: the listeners are HTTP/1.1 and
 * the clients are told `allowH2: false`. It is 6 MiB of resident memory. Both take a module without functions for a
 * Node that was built without HTTP/2.
 */
export const noHttp2: Plugin = {
  name: 'no-http2',
  setup(build) {
    build.onResolve({ filter: /^(node:)?http2$/ }, () => ({ path: 'http2', namespace: 'no-http2' }))
    build.onLoad({ filter: /.*/, namespace: 'no-http2' }, () => ({
      contents: 'module.exports = { constants: {} }',
      loader: 'js',
    }))
  },
}
