/** The process: argv → command → exit code. */
import type { Command } from './commands/command.ts'
import { CodedError } from './errors.ts'
import { safeError } from './observability/safe-error.ts'

const commands: Record<string, () => Promise<{ command: Command }>> = {
  run: () => import('./commands/run.ts'),
  check: () => import('./commands/check.ts'),
  get: () => import('./commands/get.ts'),
  list: () => import('./commands/list.ts'),
  wait: () => import('./commands/wait.ts'),
  probe: () => import('./commands/probe.ts'),
  demo: () => import('./commands/demo.ts'),
  schema: () => import('./commands/schema.ts'),
  version: () => import('./commands/version.ts'),
}

async function main(args: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = args
  if (name === 'help' || name === '--help' || name === '-h') return await help()
  if (name === '--version' || name === '-v') return await main(['version'])
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    throw new CodedError('SIDEKEEP_USAGE', [`There is no command "${name}". See "sidekeep --help".`])
  }
  const { command } = await load()
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${command.help}\n`)
    return 0
  }
  return await command.run(rest)
}

async function help(): Promise<number> {
  const lines = [
    'sidekeep COMMAND [OPTIONS]',
    '',
    "Keeps an application's secrets fresh and serves them on localhost.",
    '',
  ]
  for (const [name, load] of Object.entries(commands)) {
    const { command } = await load()
    lines.push(`  ${name.padEnd(9)}${command.summary}`)
  }
  lines.push(
    '',
    '"sidekeep COMMAND --help" says more. Exit codes: 0 done, 1 failed, 69 unavailable, 75 timed out,',
  )
  lines.push('78 configuration or usage.')
  process.stdout.write(`${lines.join('\n')}\n`)
  return 0
}

/** What Node would print of an unforeseen error may quote a value; this does not. */
function die(error: unknown): never {
  const safe = safeError(error)
  const code = error instanceof CodedError ? ` (${error.code})` : ''
  process.stderr.write(`sidekeep: ${safe.message ?? [safe.name, safe.code].join(' ').trim()}${code}\n`)
  if (!(error instanceof CodedError) && safe.stack !== undefined) process.stderr.write(`${safe.stack}\n`)
  process.exit(error instanceof CodedError ? error.exitCode : 1)
}

process.on('uncaughtException', die)
process.on('unhandledRejection', die)
// A reader that has seen enough (`sidekeep list | head -1`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  die(error)
})

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  die(error)
}
