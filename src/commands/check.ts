import { callersOf, doorsOf } from '../config/doors.ts'
import type { Loaded } from '../config/load.ts'
import { loadConfig } from '../config/load.ts'
import { createLog } from '../observability/log.ts'
import { endsWithin, systemClock } from '../secrets/clock.ts'
import { globOf } from '../secrets/glob.ts'
import type { RefreshResult, SecretStatus } from '../secrets/reading.ts'
import { Sidecar } from '../sidecar.ts'
import { version } from '../version.ts'
import type { Command } from './command.ts'
import { exitCodes, parse, print, printError } from './command.ts'
import { endHanging } from './end-hanging.ts'
import { processSignals, type Signals } from './signals.ts'

export const command: Command = {
  help: `sidekeep check [--config FILE] [--connect]

Validates the configuration and opens nothing. All errors are listed at once, with line and column.
The tokens of callers are read, and judged, where they are there.

  --config FILE   as for "sidekeep run"
  --connect       also fetches every secret once and says how that went, one line a secret; never a value;
                  and whether each file could be written, as this user, with its mode, owner and group,
                  and whether it would lie in memory; writes none, and leaves nothing behind; a volume has
                  10 s to answer, and where one does not, the process ends itself by SIGKILL, since nothing
                  else ends it then;
                  SIGINT, SIGTERM and SIGHUP end it in order, a second one at once

Exit codes: 0 all is well, 1 a secret could not be fetched, or a file not be written, or a signal came,
78 wrong configuration; SIGKILL, which a shell tells as 137, where a volume did not answer.`,
  async run(args) {
    const { values } = parse('check', args, { config: { type: 'string' }, connect: { type: 'boolean' } })
    // Left alone, a signal would leave programs running, and leases that nobody gives back.
    const signals = values.connect === true ? processSignals('stop') : undefined
    const loaded = await loadConfig({
      ...(values.config === undefined ? {} : { file: values.config }),
      env: process.env,
      cwd: process.cwd(),
    })
    for (const warning of loaded.warnings) printError(`warning: ${warning}`)
    const { providers, secrets, files } = loaded.config
    const callers = doorsOf(loaded.config).flatMap(callersOf)
    const counts = [
      count(Object.keys(providers), 'provider'),
      count(Object.keys(secrets), 'rule'),
      ...(callers.length === 0 ? [] : [count(callers, 'caller')]),
      ...(files.length === 0 ? [] : [count(files, 'file')]),
    ].join(', ')
    print(`${loaded.source}: the configuration is valid (${counts})`)
    return signals === undefined ? exitCodes.ok : await connect(loaded, signals)
  },
}

/** How long a signal waits for what is tried still, in milliseconds: a volume that is well takes a few. */
const afterSignal = 1_000

type Tried = Awaited<ReturnType<Sidecar['tryFiles']>>[number]

async function connect({ config }: Loaded, { asked }: Signals): Promise<number> {
  const log = await createLog({ level: 'silent', format: 'json' })
  const sidecar = await Sidecar.create({ config, log, version })
  // Timers of the heart keep no process alive, and between two calls there may be nothing else.
  const alive = setInterval(() => {}, 60_000)
  const trial = sidecar.tryFiles()
  const progress = { isFetched: false, isStopped: false }
  const told = tell(sidecar, config, trial, progress)
  const ended = await Promise.race([told, asked])
  const signal = typeof ended === 'string' ? ended : undefined
  progress.isStopped = signal !== undefined
  // What was tried is not left behind for a signal, as far as it answers.
  const isOver = signal === undefined || (await endsWithin(systemClock, afterSignal, trial))
  const hangs = !isOver || (await trial).some((file) => file.hangs)
  const stopped = sidecar.stop()
  // What hangs may have all the threads that there are.
  await (hangs ? endsWithin(systemClock, afterSignal, stopped) : stopped)
  clearInterval(alive)
  if (signal !== undefined) {
    const what = progress.isFetched ? 'files were tried' : 'secrets were fetched'
    printError(`sidekeep: ${signal}: stopped before all ${what}`)
  }
  if (hangs) endHanging()
  return ended === true ? exitCodes.ok : exitCodes.failed
}

/** @returns whether all is well */
async function tell(
  sidecar: Sidecar,
  { secrets }: Loaded['config'],
  trial: Promise<Tried[]>,
  progress: { isFetched: boolean; readonly isStopped: boolean },
): Promise<boolean> {
  const results = await sidecar.fetchOnce()
  // What it says of the others then is only that they were stopped.
  if (progress.isStopped) return false
  progress.isFetched = true
  for (const { name, result } of results) print(line(name, result))
  const fetchedNothing = Object.keys(secrets).filter(
    (rule) => rule.includes('*') && !results.map(({ name }) => name).some(globOf(rule)),
  )
  for (const rule of fetchedNothing)
    print(`--      ${rule}: a pattern; its provider lists none of its secrets, or cannot list`)
  const files = await trial
  if (progress.isStopped) return false
  for (const file of files) print(lineOfFile(file))
  const isFetched = results.every(
    ({ result }) => result.outcome === 'rotated' || result.outcome === 'unchanged',
  )
  return isFetched && files.every(({ failure }) => failure === undefined)
}

function line(name: string, result: RefreshResult): string {
  switch (result.outcome) {
    case 'rotated':
    case 'unchanged':
      return `ok      ${name}: ${originOf(result.status)}, version ${result.status.version}`
    case 'not-found':
      return `FAILED  ${name}: missing: ${result.said?.message ?? 'its provider does not have it; is the key right?'}`
    case 'failed':
      return `FAILED  ${name}: ${result.error.kind}: ${result.error.message}`
  }
}

function lineOfFile({ path, failure, inMemory }: Tried): string {
  if (failure !== undefined) {
    return `FAILED  ${path}: ${failure.reason}: ${failure.message}. ${failure.remedy}`
  }
  if (inMemory === undefined) return `ok      ${path}: can be written`
  return `ok      ${path}: can be written, ${inMemory ? 'in memory' : 'on a disk, where values outlive the pod'}`
}

function originOf({ provider, onFallback }: SecretStatus): string {
  if (provider === undefined) return 'composed of others'
  return `from ${provider}${onFallback === true ? ' (a fallback: those before it are unavailable)' : ''}`
}

function count(items: readonly unknown[], noun: string): string {
  return `${items.length} ${noun}${items.length === 1 ? '' : 's'}`
}
