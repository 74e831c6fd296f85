import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { canaryGuard } from './canary.ts'
import { eventually } from './e2e-eventually.ts'
import { type Ask, ask, type HttpAnswer } from './e2e-http.ts'
import { type Child, type ChildOptions, startChild } from './process-child.ts'

/** A line of the log. */
export type LogLine = { readonly level: string; readonly msg: string } & Readonly<Record<string, unknown>>

/** A folder of the test's own, gone when it ends. Its name is short: the paths of Unix sockets are bounded. */
export function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sk-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes a configuration into a folder of its own. Every value of YAML that is valid JSON is valid YAML too. */
export function configFile(t: Test, config: object | string): string {
  const file = join(folderOf(t), 'sidekeep.yaml')
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config))
  return file
}

/** One provider at `url` and one required secret, refreshed often; the rest as a test needs it. */
export function simpleConfig(url: string, more: object = {}): object {
  return {
    api: { listen: '127.0.0.1:0' },
    providers: { platform: { type: 'http', url, token: { env: 'AUTH_TOKEN' }, timeout: '1s' } },
    secrets: { 'db-password': { provider: 'platform', refresh: '200ms', maxStale: '1h', required: true } },
    ...more,
  }
}

/** A running `sidekeep run`, seen from outside: its log, its listeners and its exit. */
export class SidecarProcess {
  readonly child: Child

  constructor(child: Child) {
    this.child = child
  }

  /** What it has logged so far; what is no JSON is no line of the log. */
  get log(): LogLine[] {
    return this.child.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine)
  }

  /** What it said, in order, without repetitions of one line directly after another. */
  get story(): string[] {
    return this.log.map(({ msg }) => msg).filter((msg, index, all) => msg !== all[index - 1])
  }

  logged(msg: string): LogLine[] {
    return this.log.filter((line) => line.msg === msg)
  }

  /** Waits for a line of the log. */
  async says(msg: string, times = 1): Promise<LogLine> {
    const lines = await eventually(`the log line "${msg}"`, () => {
      const found = this.logged(msg)
      if (found.length < times && this.child.isGone) throw new Error(`ended: ${this.child.stderr}`)
      return found.length >= times && found
    })
    const line = lines.at(-1)
    if (line === undefined) throw new Error('no line')
    return line
  }

  get api(): string {
    return this.#address('api')
  }

  get ops(): string {
    return this.#address('ops')
  }

  async ask(path: string, options: Ask = {}): Promise<HttpAnswer> {
    return await ask(this.api, path, options)
  }

  /** What the list says of a secret. */
  async listed(name: string): Promise<Record<string, unknown> | undefined> {
    const { secrets } = (await this.ask('/v1/secrets')).json() as { secrets: Record<string, unknown>[] }
    return secrets.find((secret) => secret.name === name)
  }

  /** As the start told it, or the last change of the configuration that moved a listener. */
  #address(listener: string): string {
    const told = [...this.logged('sidekeep started'), ...this.logged('the configuration was applied')]
    const address = told.findLast((line) => line[listener] !== undefined)?.[listener]
    if (typeof address !== 'string') throw new Error(`the log names no address of ${listener}`)
    return address
  }
}

export interface SidecarOptions extends ChildOptions {
  readonly config: object | string
}

/** The token that backends of these tests want. */
export const token = 'CANARY-bearer-token'

/** Starts `sidekeep run`. Nothing that it ever writes may carry a value: the test fails at its end if it did. */
export function launchSidecar(t: Test, args: readonly string[], options: ChildOptions = {}): SidecarProcess {
  const guard = canaryGuard(t)
  const child = startChild(t, ['run', ...args], options)
  guard.watchChild('the sidecar', child.process)
  return new SidecarProcess(child)
}

/** Starts `sidekeep run` and waits until its listeners are open. */
export async function startSidecar(
  t: Test,
  { config, env, ...options }: SidecarOptions,
): Promise<SidecarProcess> {
  const sidecar = launchSidecar(t, ['--config', configFile(t, config)], {
    ...options,
    env: { AUTH_TOKEN: token, ...env },
  })
  await sidecar.says('sidekeep started')
  return sidecar
}

/** As `startSidecar`, and waits until all required secrets are held. */
export async function startReadySidecar(t: Test, options: SidecarOptions): Promise<SidecarProcess> {
  const sidecar = await startSidecar(t, options)
  await sidecar.says('ready: all required secrets are held')
  return sidecar
}
