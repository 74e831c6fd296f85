import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ExecProviderConfig } from '../../../src/config/schema.ts'
import { createExecProvider } from '../../../src/providers/exec/provider.ts'
import type { Provider, ProviderContext } from '../../../src/secrets/provider.ts'
import { eventually } from '../../support/e2e-eventually.ts'
import { context } from '../conformance.ts'

/** A provider with the defaults of the configuration, closed when the test ends. */
export function execProvider(
  t: Test,
  command: readonly string[],
  more: Partial<ExecProviderConfig> = {},
  around: Partial<ProviderContext> = {},
  own: NodeJS.ProcessEnv = { HOME: '/home/own' },
): Provider {
  const config: ExecProviderConfig = {
    type: 'exec',
    command: [...command],
    trimNewline: true,
    workingDirectory: '/',
    timeout: 10_000,
    maxBody: 1024 * 1024,
    maxSecrets: 10_000,
    maxConcurrentCalls: 8,
    ...more,
  }
  const provider = createExecProvider(config, context(t, around), own)
  t.teardown(() => provider.close?.())
  return provider
}

/** A program of its own: what follows the first line of a script for /bin/sh. */
export function script(t: Test, body: string, name = 'program'): string {
  const path = join(t.testdir({}), name)
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}

/** Scripts tell of themselves with `echo $$ > FILE`. */
export class Marker {
  readonly path: string

  constructor(t: Test, name = 'marker') {
    this.path = join(t.testdir({}), name)
  }

  /** The process that wrote its number there. */
  async pid(): Promise<number> {
    return await eventually('the program tells its number', () => {
      const text = existsSync(this.path) ? readFileSync(this.path, 'utf8') : ''
      return text.endsWith('\n') && Number(text)
    })
  }

  async gone(): Promise<void> {
    await gone(await this.pid())
  }
}

/** Resolves when there is no such process; one that nobody has waited for is still there. */
export async function gone(pid: number): Promise<void> {
  await eventually(`process ${pid} is gone`, () => !isAlive(pid))
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
