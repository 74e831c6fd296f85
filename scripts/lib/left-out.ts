import type { Plugin } from 'esbuild'

/** What packages load that no path of this program comes to: with the reason. */
const leftOut: Readonly<Record<string, string>> = {
  // Of @azure/identity: to sign people in, not services.
  open: 'opens no browser',
  // Of fetch-blob, for a Node without web streams.
  'web-streams-polyfill/dist/ponyfill.es2018.js': 'has the web streams of Node itself',
}

/** Leaves those modules out; whoever comes to one after all is told so. */
export const leaveOut: Plugin = {
  name: 'leave-out',
  setup(build) {
    for (const [path, reason] of Object.entries(leftOut)) {
      const filter = new RegExp(`^${path.replaceAll('.', '\\.')}$`)
      build.onResolve({ filter }, () => ({ path, namespace: 'left-out' }))
      build.onLoad({ filter, namespace: 'left-out' }, () => ({
        contents: `throw new Error('the bundle ${reason} (scripts/lib/left-out.ts)')`,
        loader: 'js',
      }))
    }
  },
}
