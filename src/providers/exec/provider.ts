import type { ExecProviderConfig } from '../../config/schema.ts'
import type { Program } from '../../programs/run.ts'
import { type Fetched, type Provider, type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { fetchEach } from '../shared/each.ts'
import { withDeadline } from '../shared/http/deadline.ts'
import { Malformed } from '../shared/malformed.ts'
import { narrow, notFound } from '../shared/narrow.ts'
import { parseDocument, parseList } from '../shared/secret-json.ts'
import { Command } from './command.ts'
import { environmentOf } from './environment.ts'
import { type Asked, runFailure, startFailure } from './failure.ts'
import { parseRaw } from './output.ts'
import { Runs } from './runs.ts'

/**
 * Secrets that a program prints: all of them in one run, or one a run where `{key}` is in an argument.
 *
 * @param own the sidecar's own environment
 */
export function createExecProvider(
  config: ExecProviderConfig,
  context: ProviderContext,
  own: NodeJS.ProcessEnv = process.env,
): Provider {
  const { timeout, maxBody, maxSecrets, maxConcurrentCalls: limit, trimNewline } = config
  const { clock } = context
  const command = new Command(config.command)
  const place = `provider "${context.name}": ${command.name}`
  const runs = new Runs({ clock, maxBody, limit })
  const closing = new AbortController()

  /** What `parse` makes of the output of a run. Rejects with a ProviderError. */
  async function run<T>(
    asked: Asked,
    args: string[],
    parse: (output: Buffer) => T,
    given: AbortSignal,
  ): Promise<T> {
    return await withDeadline(
      {
        clock,
        timeout,
        signal: AbortSignal.any([given, closing.signal]),
        onTimeout: () => {
          const words = `the program did not end within ${timeout} ms. Check what it waits for, or raise timeout.`
          return new ProviderError('unavailable', 'timeout', `${asked.place}: ${words}`)
        },
        onAbort: () => new ProviderError('unavailable', 'aborted', `${asked.place}: the run was given up.`),
      },
      async (signal) => {
        const env = await environmentOf(config, own, asked.place)
        const { program: file } = command
        return await outcome(
          asked,
          { file, args, env, workingDirectory: config.workingDirectory },
          parse,
          signal,
        )
      },
    )
  }

  async function outcome<T>(
    asked: Asked,
    program: Program,
    parse: (output: Buffer) => T,
    signal: AbortSignal,
  ): Promise<T> {
    const result = await runs.run(program, signal)
    if (result.how === 'not started') throw await startFailure(asked.place, result.code, program)
    if (result.how !== 'exited') throw runFailure(asked, result, config)
    try {
      if (result.code !== 0) throw runFailure(asked, result, config)
      return parsed(asked.place, result.output, parse)
    } finally {
      result.output.fill(0)
    }
  }

  const parseOne = (output: Buffer): Fetched =>
    config.format === 'json' ? parseDocument(output) : parseRaw(output, trimNewline)

  async function fetchOne(key: string, signal: AbortSignal): Promise<Fetched> {
    const args = command.of(key)
    if (args === undefined) throw notFound(`${place} is not run for such a key`, key)
    return await run({ place: `${place} for the key "${key}"`, key }, args, parseOne, signal)
  }

  async function fetchAll(signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>> {
    const parse = (output: Buffer) => parseList(output, maxSecrets, place)
    return await run({ place, key: undefined }, command.all(), parse, signal)
  }

  const close = async (): Promise<void> => {
    closing.abort()
    await runs.close()
  }

  return command.perKey
    ? { fetch: (keys, signal) => fetchEach(keys, (key) => fetchOne(key, signal)), close }
    : { fetch: async (keys, signal) => narrow(await fetchAll(signal), keys, place), fetchAll, close }
}

function parsed<T>(place: string, output: Buffer, parse: (output: Buffer) => T): T {
  try {
    return parse(output)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    const words = `the output cannot be read: ${error.message}.`
    throw new ProviderError('unavailable', error.reason, `${place}: ${words}`)
  }
}
