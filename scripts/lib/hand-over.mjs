import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { pinnedNode } from './pinned-node.mjs'
import { SetupError } from './setup-error.mjs'

/**
 * One Ctrl-C under `npm start` arrives here twice: from the terminal, which signals the whole foreground group, and
 * from npm, which passes on what it gets. The second comes within a few milliseconds; a person's second Ctrl-C, which
 * means "at once", comes later than this.
 */
const sameSignalMs = 300

/**
 * Runs the pinned Node with the arguments and ends as it ends. The child gets a process group of its own, so that it
 * hears of a signal from here alone, once: replacing this process instead (process.execve) would leave it with the
 * terminal's signal and npm's, and the second of two signals means "exit at once".
 * @param {string} root the project's folder
 * @param {string[]} args
 * @throws {SetupError} where the pinned Node cannot be run
 */
export async function handOver(root, args) {
  const binaries = join(root, 'node_modules', '.bin')
  let child
  // Before the child is there: a signal in between would end us and leave it running.
  const stopForwarding = forwardSignals((signal) => child?.kill(signal))
  child = spawn(pinnedNode(root), args, {
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, PATH: [binaries, process.env.PATH].filter(Boolean).join(delimiter) },
  })
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (...ending) => resolve(ending))
  }).catch((error) => {
    throw new SetupError(
      `The pinned Node cannot be run here (${error.code}): ${pinnedNode(root)}`,
      'It is built for glibc or macOS: on Alpine use a Debian-based image; after copying the project from another machine, delete node_modules.',
    )
  })
  stopForwarding()
  if (signal === null) process.exitCode = code
  else process.kill(process.pid, signal)
}

/** @param {(signal: NodeJS.Signals) => void} deliver */
function forwardSignals(deliver) {
  /** @type {Map<NodeJS.Signals, number>} */
  const last = new Map()
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    const now = performance.now()
    const before = last.get(signal)
    if (before !== undefined && now - before < sameSignalMs) return
    last.set(signal, now)
    deliver(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
  for (const signal of signals) process.on(signal, forward)
  return () => {
    for (const signal of signals) process.off(signal, forward)
  }
}
