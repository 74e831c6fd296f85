import { hash } from 'node:crypto'
import type { Right } from '../../../src/access/caller.ts'
import type { AccessLog, CallersOptions } from '../../../src/access/callers.ts'
import { Callers } from '../../../src/access/callers.ts'
import type { AccessConfig } from '../../../src/access/settings.ts'
import { StringSource } from '../../../src/config/source.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** A token that nobody guesses and every leak check finds. */
export function tokenOf(what: string): string {
  return `CANARY-token-${what}-9f2c61d07be84a35`
}

export interface CallerSketch {
  /** Tokens as they are, or the paths of files that hold them. */
  readonly tokens: readonly (string | { readonly file: string })[]
  readonly allow?: readonly string[]
  readonly rights?: readonly Right[]
  /** In requests a second. */
  readonly limit?: number
}

/** A part of the configuration with callers, as the schema would give it. */
export function accessConfig(
  callers: Readonly<Record<string, CallerSketch>> | undefined,
  rest: Partial<Omit<AccessConfig, 'callers'>> = {},
): AccessConfig {
  return {
    access: 'header',
    limit: undefined,
    anyone: { rights: ['read', 'list', 'refresh', 'watch'], allow: undefined, limit: undefined },
    ...rest,
    callers:
      callers &&
      Object.fromEntries(
        Object.entries(callers).map(([name, { tokens, allow = ['*'], rights, limit }]) => [
          name,
          {
            tokens: tokens.map(sourceOf),
            allow: [...allow],
            rights: [...(rights ?? (['read', 'list', 'watch'] as const))],
            limit,
          },
        ]),
      ),
  }
}

function sourceOf(token: string | { readonly file: string }): StringSource {
  if (typeof token !== 'string') return new StringSource(token)
  // Written in the same way means the same token: the variable is named after what it holds.
  const name = `TOKEN_${hash('sha256', token).slice(0, 12)}`
  return new StringSource({ env: name }, 'credential', { [name]: token })
}

/** What was logged, in order. */
export interface Told {
  readonly level: 'info' | 'warn'
  readonly details: object
  readonly message: string
}

export interface Rig {
  readonly callers: Callers
  readonly clock: VirtualClock
  readonly told: Told[]
  /** Puts another configuration in force. */
  apply(config: AccessConfig): Promise<void>
}

/** The callers of one listener, on a clock that stands still. */
export async function callersRig(
  t: { teardown(fn: () => unknown): void },
  config: AccessConfig,
  options: Partial<Omit<CallersOptions, 'log'>> & { readonly clock?: VirtualClock } = {},
): Promise<Rig> {
  const { clock = new VirtualClock(), listener = '127.0.0.1:7575', ...rest } = options
  const told: Told[] = []
  const log: AccessLog = {
    info: (details, message) => told.push({ level: 'info', details, message }),
    warn: (details, message) => told.push({ level: 'warn', details, message }),
  }
  const callers = await Callers.create(config, { ...rest, clock, listener, log })
  t.teardown(() => callers.close())
  return {
    callers,
    clock,
    told,
    async apply(next) {
      const prepared = await callers.prepare(next)
      prepared.commit()
    },
  }
}
