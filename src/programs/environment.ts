/** Where programs are, as in a login shell of Debian. */
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * What every program gets. Nothing else of the sidecar's own comes along unasked: that holds credentials which are no
 * affair of the program's, and variables that would make it behave otherwise (LD_PRELOAD, NODE_OPTIONS). `HOME` is the
 * sidecar's, as programs look for their keys there.
 *
 * @param own the sidecar's own environment
 */
export function leastEnvironment(own: NodeJS.ProcessEnv): Record<string, string> {
  return { PATH: usualPath, HOME: own.HOME ?? '/', LANG: 'C.UTF-8' }
}
