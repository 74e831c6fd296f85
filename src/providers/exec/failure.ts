import type { ExecProviderConfig } from '../../config/schema.ts'
import { whyNotStarted } from '../../programs/not-started.ts'
import type { Program, Result } from '../../programs/run.ts'
import { ProviderError, type ProviderErrorReason } from '../../secrets/provider.ts'
import { notFound } from '../shared/narrow.ts'

/** Which run it is about. */
export interface Asked {
  /** For messages: the provider and the program. */
  readonly place: string
  /** The key, where the run was for one. */
  readonly key: string | undefined
}

type Failed = Exclude<Result, { how: 'not started' }>

const reasons = { denied: 'denied', throttled: 'throttled', unavailable: 'status' } as const

/** What a run means that has brought nothing. What the program has written is told by its size alone. */
export function runFailure({ place, key }: Asked, result: Failed, config: ExecProviderConfig): ProviderError {
  if (result.how === 'oversized') {
    const words = `the output is larger than ${config.maxBody} bytes. Ask for less, or raise maxBody.`
    return unavailable('oversized', place, words)
  }
  const wrote = `It wrote ${result.errorBytes} bytes to standard error, which are not shown, as they may hold anything`
  const remedy = 'Run the command by hand to read them'
  if (result.how === 'killed') {
    const words = `the program was killed (${result.signal}): out of memory, or by somebody? ${wrote}.`
    return unavailable('status', place, words)
  }
  const meaning = new Map(Object.entries(config.exitCodes ?? {})).get(String(result.code)) ?? 'unavailable'
  if (meaning === 'missing') return notFound(place, key ?? '')
  const words = `the program ended with the exit code ${result.code}`
  const mapped = meaning === 'unavailable' ? '' : `, which exitCodes calls ${meaning}`
  return new ProviderError(meaning, reasons[meaning], `${place}: ${words}${mapped}. ${wrote}. ${remedy}.`)
}

/** Why a program could not be started. @param code Node's, such as ENOENT */
export async function startFailure(place: string, code: string, program: Program): Promise<ProviderError> {
  return unavailable('io', place, `${await whyNotStarted(code, program)} (${code}).`)
}

function unavailable(reason: ProviderErrorReason, place: string, words: string): ProviderError {
  return new ProviderError('unavailable', reason, `${place}: ${words}`)
}
