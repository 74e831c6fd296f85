/** A running sidecar whose configuration a test changes. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { eventually } from './e2e-eventually.ts'
import { metric } from './e2e-metrics.ts'
import { folderOf, type LogLine, launchSidecar, type SidecarProcess, token } from './process-sidecar.ts'

export const ready = 'ready: all required secrets are held'
export const applied = 'the configuration was applied'
export const unchanged = 'the configuration is the one in force already'
export const invalid = 'the configuration is invalid: nothing has changed'
export const failed = 'the configuration could not be applied: nothing has changed'

export interface Reloaded {
  readonly sidecar: SidecarProcess
  /** Of the configuration. */
  readonly file: string
  /** Replaces the file in one step, as a careful editor does, and waits for the line of the log. */
  change(config: object | string, until?: string): Promise<LogLine>
  /** How often changes of the configuration have ended in this way. */
  count(outcome: 'applied' | 'unchanged' | 'invalid' | 'failed'): Promise<number | undefined>
}

/**
 * Starts `sidekeep run` with a file of the test's own.
 *
 * @param until the line of the log that is waited for; else that all required secrets are held
 */
export async function startReloaded(
  t: Test,
  config: object,
  env: Readonly<Record<string, string>> = {},
  until: string = ready,
): Promise<Reloaded> {
  const folder = folderOf(t)
  const file = join(folder, 'sidekeep.yaml')
  writeFileSync(file, JSON.stringify(config))
  const sidecar = launchSidecar(t, ['--config', file], { env: { AUTH_TOKEN: token, ...env } })
  await sidecar.says(until)
  return {
    sidecar,
    file,
    async change(next, until = applied) {
      const before = sidecar.logged(until).length
      const beside = join(folder, 'next.yaml')
      writeFileSync(beside, typeof next === 'string' ? next : JSON.stringify(next))
      renameSync(beside, file)
      return await sidecar.says(until, before + 1)
    },
    async count(outcome) {
      const { text } = await sidecar.ask('/metrics')
      return metric(text, 'sidekeep_config_reload_total', { outcome })
    },
  }
}

/** Waits until a secret is answered with a value. */
export async function servesValue(sidecar: SidecarProcess, name: string, value: string): Promise<void> {
  await eventually(`${name} as ${value}`, async () => {
    const { status, text } = await sidecar.ask(`/v1/secrets/${name}?format=raw`)
    return status === 200 && text === value
  })
}
