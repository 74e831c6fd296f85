import type { Plugin } from 'esbuild'

const compiler = (what: string): string => `module.exports = () => () => () => {
  throw new Error('the bundle compiles no ${what} (scripts/lib/slim-fastify.ts): a route has a schema')
}`

/**
 * What Fastify loads and this program does not use, a quarter of all that is read at a start: compilers of JSON schemas
 * (no route has one that is compiled: requests are checked by hand, answers are put together by hand), requests that are
 * injected (tests of others do that), and most of semver.
 */
const stubs: Readonly<Record<string, string>> = {
  '@fastify/ajv-compiler': compiler('validators'),
  '@fastify/fast-json-stringify-compiler': compiler('serializers'),
  'light-my-request':
    "module.exports = () => { throw new Error('the bundle injects no requests (scripts/lib/slim-fastify.ts)') }",
  semver: `module.exports = {
  coerce: require('semver/functions/coerce'),
  gt: require('semver/functions/gt'),
  satisfies: require('semver/functions/satisfies'),
}`,
}

export const slimFastify: Plugin = {
  name: 'slim-fastify',
  setup(build) {
    const filter = new RegExp(`^(${Object.keys(stubs).join('|')})$`)
    build.onResolve({ filter }, ({ path, importer, resolveDir }) =>
      /[\\/]node_modules[\\/]fastify[\\/]/.test(importer)
        ? { path, namespace: 'slim-fastify', pluginData: resolveDir }
        : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'slim-fastify' }, ({ path, pluginData }) => ({
      contents: stubs[path] ?? '',
      resolveDir: pluginData,
      loader: 'js',
    }))
  },
}
