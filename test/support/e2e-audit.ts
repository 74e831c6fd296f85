/** A running sidecar with an audit, and callers that never rest. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startBackend } from './backend.ts'
import { traceOfCanary } from './canary-trace.ts'
import { eventually } from './e2e-eventually.ts'
import { folderOf, simpleConfig, token } from './process-sidecar.ts'
import { type Reloaded, startReloaded } from './reloaded-sidecar.ts'

export const path = '/v1/secrets/db-password?format=raw'
export const value = 'CANARY-db-password'

export interface AuditScene extends Reloaded {
  /** Of the audit, alone in its folder with what it is rotated to. */
  readonly log: string
  /** The configuration with another audit; without one: with none. */
  config(audit?: object): object
  /** All lines in the folder, of whichever file, each as a machine reads it. Throws where one is no JSON. */
  lines(): Record<string, unknown>[]
  /** Waits until there are so many. */
  has(count: number): Promise<void>
}

export async function startAudited(t: Test, audit: object = {}): Promise<AuditScene> {
  const backend = await startBackend(t, { token, secrets: [['db-password', value]] })
  const folder = folderOf(t)
  const log = join(folder, 'audit.log')
  const config = (more?: object): object =>
    simpleConfig(backend.url, more === undefined ? {} : { audit: { file: log, ...more } })
  const reloaded = await startReloaded(t, config(audit))
  const lines = (): Record<string, unknown>[] =>
    readdirSync(folder).flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8')
      const trace = traceOfCanary(text)
      if (trace !== undefined) throw new Error(`a value leaked into the audit (${trace})`)
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    })
  return {
    ...reloaded,
    log,
    config,
    lines,
    async has(count) {
      await eventually(`${count} lines of the audit`, () => lines().length >= count)
    },
  }
}

export interface Readers {
  /** How many answers came in full. */
  readonly answered: number
  /** Lets those under way end, and begins no more. */
  stop(): Promise<void>
}

/** Callers that read one after another until they are stopped, or nobody answers any more. */
export function startReaders({ sidecar }: Pick<Reloaded, 'sidecar'>, count: number): Readers {
  const readers = { answered: 0, stop: async () => {} }
  let isOver = false
  const read = async (): Promise<void> => {
    while (!isOver) {
      const answer = await sidecar.ask(path).catch(() => undefined)
      if (answer === undefined) return
      if (answer.status === 200 && answer.text === value) readers.answered += 1
    }
  }
  const all = Promise.all(Array.from({ length: count }, read))
  readers.stop = async () => {
    isOver = true
    await all
  }
  return readers
}
