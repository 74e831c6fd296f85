#!/usr/bin/env -S node --max-semi-space-size=4 --no-concurrent-recompilation --disable-sigusr1
/**
 * The process: argv → command → exit code.
 *
 * The options in the first line are those of the command `sidekeep`. The first two keep it small: left alone, Node takes
 * 30 MiB more under load, for young garbage and for compiling on further threads (docs/performance.md). The last keeps
 * SIGUSR1 from opening a debugger on loopback, which the pod shares.
 */
import type { Command } from './commands/command.ts'
import { CodedError } from './errors.ts'
import { liveValues } from './observability/redaction/live-values.ts'
import { safeError } from './observability/safe-error.ts'

/** Each command is loaded when it is called; the summaries are here, so that the help loads none. */
const commands: Record<string, { summary: string; load: () => Promise<{ command: Command }> }> = {
  run: {
    summary: 'run the sidecar until a stop signal',
    load: () => import('./commands/run.ts'),
  },
  check: {
    summary: 'validate the configuration, and with --connect fetch once',
    load: () => import('./commands/check.ts'),
  },
  get: {
    summary: "print a secret's value",
    load: () => import('./commands/get.ts'),
  },
  list: {
    summary: 'list the secrets and their states',
    load: () => import('./commands/list.ts'),
  },
  explain: {
    summary: 'say why a secret is as it is, and what happens next',
    load: () => import('./commands/explain.ts'),
  },
  wait: {
    summary: 'wait until a sidecar is ready',
    load: () => import('./commands/wait.ts'),
  },
  probe: {
    summary: 'ask a running sidecar how it is, as a probe',
    load: () => import('./commands/probe.ts'),
  },
  quit: {
    summary: 'ask a running sidecar to end',
    load: () => import('./commands/quit.ts'),
  },
  demo: {
    summary: 'try it: a provider and a sidecar on this machine, with curl lines to paste',
    load: () => import('./commands/demo.ts'),
  },
  token: {
    summary: 'make a token for a caller of the API',
    load: () => import('./commands/token.ts'),
  },
  schema: {
    summary: 'print the JSON Schema of the configuration, for editors',
    load: () => import('./commands/schema.ts'),
  },
  version: {
    summary: 'print the version',
    load: () => import('./commands/version.ts'),
  },
}

/** As `engines` in package.json has it: an older one fails later, and where it does says nothing of why. */
const oldestNode = 24

async function main(args: readonly string[]): Promise<number> {
  if (Number.parseInt(process.versions.node, 10) < oldestNode) {
    throw new CodedError('SIDEKEEP_USAGE', [
      `Sidekeep needs Node ${oldestNode} or newer, and this is Node ${process.versions.node}. In a clone, "npm exec -- node dist/sidekeep.js" runs it with the project's own.`,
    ])
  }
  const [name = 'help', ...rest] = args
  if (name === 'help' || name === '--help' || name === '-h') return help()
  if (name === '--version' || name === '-v') return await main(['version'])
  const known = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (known === undefined) {
    throw new CodedError('SIDEKEEP_USAGE', [`There is no command "${name}". See "sidekeep --help".`])
  }
  const { command } = await known.load()
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${command.help}\n`)
    return 0
  }
  return await command.run(rest)
}

function help(): number {
  const lines = [
    'sidekeep COMMAND [OPTIONS]',
    '',
    "Keeps an application's secrets fresh and serves them on localhost.",
    '',
  ]
  for (const [name, { summary }] of Object.entries(commands)) lines.push(`  ${name.padEnd(9)}${summary}`)
  lines.push(
    '',
    '"sidekeep COMMAND --help" says more. Exit codes: 0 done, 1 failed, 69 unavailable, 75 timed out,',
  )
  lines.push('77 not allowed, 78 configuration or usage.')
  process.stdout.write(`${lines.join('\n')}\n`)
  return 0
}

/** What Node would print of an unforeseen error may quote a value; this does not. */
function die(error: unknown): never {
  const safe = safeError(error)
  const code = error instanceof CodedError ? ` (${error.code})` : ''
  const lines = [`sidekeep: ${safe.message ?? [safe.name, safe.code].join(' ').trim()}${code}`]
  if (!(error instanceof CodedError) && safe.stack !== undefined) lines.push(safe.stack)
  process.stderr.write(`${liveValues.redactText(lines.join('\n'))}\n`)
  process.exit(error instanceof CodedError ? error.exitCode : 1)
}

process.on('uncaughtException', die)
process.on('unhandledRejection', die)
// A reader that has seen enough (`sidekeep list | head -1`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  die(error)
})

// No await here: the image's executable takes this module with require(), which refuses one that awaits at its top.
main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode
}, die)
