import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { lockFileOf, takeLock } from './install-lock.mjs'
import { isInstalled } from './installed.mjs'
import { explainNpmFailure } from './npm-failure.mjs'
import { hasPinnedNode } from './pinned-node.mjs'
import { SetupError } from './setup-error.mjs'

/** Kept of npm's output, for a failure: enough for every message it ends with. */
const keptOutput = 64 * 1024

const npmArguments = [
  'ci',
  '--no-audit',
  '--no-fund',
  // The pinned Node is a development dependency, and NODE_ENV=production must not leave it out.
  '--include=dev',
  // It is npm that runs under the machine's Node; the project itself runs under the pinned one.
  '--engine-strict=false',
  '--loglevel=error',
]

/**
 * Makes node_modules what package-lock.json says. Costs a few milliseconds where it already is.
 * @param {string} root the project's folder
 * @throws {SetupError} where that fails
 */
export async function ensureInstalled(root) {
  if (isInstalled(root) && hasPinnedNode(root)) return
  assertWritable(root)
  const release = await lock(root)
  try {
    // Whoever held the lock may have done it meanwhile.
    if (isInstalled(root) && hasPinnedNode(root)) return
    const why = existsSync(join(root, 'node_modules')) ? 'node_modules is out of date' : 'first run'
    process.stderr.write(`sidekeep: installing packages with npm ci (${why}); this takes up to a minute…\n`)
    await npmCi(root)
  } finally {
    release()
  }
  if (!hasPinnedNode(root)) {
    throw new SetupError(
      'npm installed the packages, but not the Node that this project pins: the install script of the package "node" did not run.',
      'Allow it once with: npm rebuild node --ignore-scripts=false (npm keeps it from running where ignore-scripts is set, or where its allow-scripts policy leaves it out).',
    )
  }
}

/** @param {string} root */
function assertWritable(root) {
  const target = existsSync(join(root, 'node_modules')) ? join(root, 'node_modules') : root
  try {
    accessSync(target, constants.W_OK)
  } catch (error) {
    throw new SetupError(
      `Packages must be installed, and ${target} cannot be written (${error.code}).`,
      'Run as the owner of the folder, or copy the project to a folder of yours.',
    )
  }
}

/** @param {string} root */
async function lock(root) {
  const file = lockFileOf(root)
  try {
    return await takeLock(file, (holder) => {
      process.stderr.write(`sidekeep: waiting for the installation that process ${holder} is running…\n`)
    })
  } catch (error) {
    throw new SetupError(
      `The lock file ${file} cannot be written (${error.code}).`,
      'Set TMPDIR to a folder that can be written.',
    )
  }
}

/** @param {string} root */
async function npmCi(root) {
  let child
  let interrupted
  const interrupt = (signal) => {
    interrupted ??= signal
    killGroup(child?.pid, signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, interrupt)
  try {
    const [command, ...leading] = npmCommand()
    child = spawn(command, [...leading, ...npmArguments], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that an interruption reaches npm once, from here, and we outlive it to give the lock back.
      detached: true,
    })
    const { code, output } = await ending(child)
    if (interrupted !== undefined)
      throw new SetupError('The installation was interrupted.', 'Run the command again.')
    if (code !== 0) throw explainNpmFailure(output)
  } catch (error) {
    if (error instanceof SetupError) throw error
    throw new SetupError(
      `npm could not be started (${error.code}).`,
      'Install npm 10 or newer; it comes with Node from nodejs.org, and is a package of its own in some distributions.',
    )
  } finally {
    for (const signal of signals) process.off(signal, interrupt)
  }
}

/**
 * @param {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, import('node:stream').Readable>} child
 * @returns {Promise<{ code: number | null, output: string }>}
 */
async function ending(child) {
  let output = ''
  const keep = (chunk) => {
    output = (output + chunk).slice(-keptOutput)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, output }
}

/** The npm that started us, where one did; else the one on the PATH. */
function npmCommand() {
  const running = process.env.npm_execpath
  if (running !== undefined && basename(running) === 'npm-cli.js' && existsSync(running)) {
    return [process.execPath, running]
  }
  return ['npm']
}

/**
 * @param {number | undefined} pid
 * @param {NodeJS.Signals} signal
 */
function killGroup(pid, signal) {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
