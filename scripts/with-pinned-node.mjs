#!/usr/bin/env node
// Runs the rest of the command line with the Node that this project pins, whatever Node the machine has:
//
//     node scripts/with-pinned-node.mjs FILE [ARGUMENTS…]
//
// Every npm script goes through here, so that a clone works at once. It must therefore run under plain Node 20 and
// import nothing that is not part of Node. Exit code and signal are those of the program that it ran; 1 with one
// message on stderr where the set-up failed.

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { handOver } from './lib/hand-over.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { SetupError } from './lib/setup-error.mjs'

const oldestNode = 20

async function main() {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  if (process.platform === 'win32') {
    throw new SetupError('Windows is not supported.', 'Use the Windows Subsystem for Linux.')
  }
  if (Number.parseInt(process.versions.node, 10) < oldestNode) {
    throw new SetupError(
      `Node ${process.versions.node} is too old to set this project up.`,
      `Install Node ${oldestNode} or newer; the project brings the newer one that it runs on itself.`,
    )
  }
  await ensureInstalled(root)
  await handOver(root, process.argv.slice(2))
}

try {
  await main()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`sidekeep: ${error.message}\n`)
  process.exitCode = 1
}
