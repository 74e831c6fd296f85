/** What Node offers to those who look into a process, and what of it a process with secrets must not have open. */
import inspector from 'node:inspector'
import { debuglog } from 'node:util'
import { CodedError } from '../errors.ts'

/** Options of Node by which others come to the memory of the process, or to what it sends, and how. */
const openings: ReadonlyMap<string, string> = new Map([
  ['--inspect', 'opens a debugger'],
  ['--inspect-brk', 'opens a debugger'],
  ['--inspect-wait', 'opens a debugger'],
  ['--heapsnapshot-signal', 'writes the memory to a file'],
  ['--heapsnapshot-near-heap-limit', 'writes the memory to a file'],
  ['--abort-on-uncaught-exception', 'leaves the memory in a core dump'],
  ['--tls-keylog', 'writes the keys of TLS connections to a file'],
])

/** What NODE_DEBUG turns on in undici, which then writes the URLs that it asks for, with their queries. */
const talkative = ['undici', 'fetch']

const readsAll = 'whoever uses it reads all secrets'

/** The variable that lets somebody debug Sidekeep itself. */
const permission = 'SIDEKEEP_ALLOW_DEBUGGING'

/**
 * Shuts what can be shut while the process runs, and refuses the rest: what a pod sets for all its containers
 * (`NODE_OPTIONS=--inspect`) opens a debugger on the loopback that they share, and with it all secrets, of which nobody
 * would notice anything.
 *
 * @returns warnings, where somebody has permitted what is open
 * @throws SIDEKEEP_USAGE, which names the option
 */
export function closeProcess(
  env: NodeJS.ProcessEnv = process.env,
  args: readonly string[] = process.execArgv,
): string[] {
  closeReports()
  const open = [...openOptions(env, args)].map((found) => `${found}: ${readsAll}.`)
  // However it came to be open: Node has more places for options than these two.
  if (inspector.url() !== undefined && !open.some((found) => found.includes('debugger'))) {
    open.push(`A debugger is open: ${readsAll}.`)
  }
  // Node itself tells: the variable may have patterns, and what was said at the start counts.
  if (talkative.some((section) => debuglog(section).enabled)) {
    open.push(
      'NODE_DEBUG has the URLs of providers written to standard error: whoever reads it has the credentials in them.',
    )
  }
  if (open.length === 0) return []
  if (env[permission] === '1') return open
  throw new CodedError('SIDEKEEP_USAGE', [
    `${open.join(' ')} Take it away, or set ${permission}=1 to debug Sidekeep itself.`,
  ])
}

/** A diagnostic report has the environment and the last error. One that is asked for all the same has no variables. */
function closeReports(): void {
  const { report } = process
  report.excludeEnv = true
  report.reportOnFatalError = false
  report.reportOnSignal = false
  report.reportOnUncaughtException = false
}

function* openOptions(env: NodeJS.ProcessEnv, args: readonly string[]): Generator<string> {
  const words: [string, string][] = args.map((arg) => [arg, 'the command line'])
  for (const word of (env.NODE_OPTIONS ?? '').split(/[\s"]+/)) words.push([word, 'NODE_OPTIONS'])
  const seen = new Set<string>()
  for (const [word, place] of words) {
    // Node takes underscores for hyphens.
    const option = (word.split('=', 1)[0] ?? '').replaceAll('_', '-')
    const what = openings.get(option)
    if (what === undefined || seen.has(option)) continue
    seen.add(option)
    yield `${option} in ${place} ${what}`
  }
}
