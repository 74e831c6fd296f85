import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { createWorld, type World } from '../../api/support/world.ts'
import { Bystanders } from './bystanders.ts'
import type { FloodKind } from './flood-process.ts'

export interface FloodOrder {
  readonly port: number
  readonly count: number
  /** In turn, where there are several. */
  readonly kinds: readonly FloodKind[]
  /** Whether who is cut connects again at once. */
  readonly comesBack?: boolean
}

export interface FloodReport {
  /** Connections that came about. */
  connected: number
  /** Of these and those that did not, how many have ended. */
  cut: number
}

/** An attacker at work. */
export interface Flood {
  /** Resolves when what it reports is so. */
  until(isSo: (report: FloodReport) => boolean): Promise<FloodReport>
  /** Ends the attacker, and so all its connections. */
  end(): Promise<void>
}

/** Attacks from a process of its own, which ends with the test. */
export function startFlood(t: Pick<Test, 'teardown'>, order: FloodOrder): Flood {
  const child = fork(new URL('flood-process.ts', import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  t.teardown(end)
  child.send(order)
  return {
    async until(isSo) {
      for (;;) {
        const [report]: FloodReport[] = await once(child, 'message')
        if (report !== undefined && isSo(report)) return report
      }
    },
    end,
  }
}

/** Beside the connections of an attack a process has other files open. */
const otherFiles = 500
const wanted = { attackers: 5_000, maxConnections: 1_024 }

/** 5,000 attackers on the default of `api.maxConnections`, or fewer of both where the system lets a process open less. */
export function scaleOf(t: Pick<Test, 'comment'>, part = 1): typeof wanted {
  const most = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }))
  const factor = Math.min(part, Number.isNaN(most) ? 1 : (most - otherFiles) / wanted.attackers)
  const scale = {
    attackers: Math.floor(wanted.attackers * factor),
    maxConnections: Math.floor(wanted.maxConnections * factor),
  }
  t.comment(`${scale.attackers} attackers, api.maxConnections ${scale.maxConnections}`)
  return scale
}

export interface Attack extends Omit<FloodOrder, 'port' | 'count'> {
  /** What part of the full scale, where the work itself would be too much for a test. */
  readonly part?: number
  /** The size of the value that there is to read, in bytes. */
  readonly valueSize?: number
  /** Changes to the listener before it is attacked. */
  readonly prepare?: (world: World) => void
}

export interface Attacked {
  readonly world: World
  readonly flood: Flood
  readonly attackers: number
}

/** How many answers each bystander gets at the least once the attackers are all there. */
const enough = 20
/**
 * No answer may take longer than this, or than twice the time in which the attackers were accepted, in milliseconds. Who
 * connects stands in the system's queue behind those who came before, and how long that takes is the machine's affair.
 */
const patience = 5_000

/** Has a listener attacked: while it lasts, each bystander gets every answer, and no more connections are open than may be. */
export async function attack(t: Test, { part, valueSize = 1, prepare, ...order }: Attack): Promise<Attacked> {
  const { attackers, maxConnections } = scaleOf(t, part)
  const values = { 'db-password': 'CANARY-db-password-1', big: 'CANARY-'.padEnd(valueSize, 'x') }
  const world = await createWorld(t, { values, config: { maxConnections } })
  prepare?.(world)
  const before = process.memoryUsage()
  const bystanders = new Bystanders(world)
  const flood = startFlood(t, { ...order, port: world.port, count: attackers })
  const { server } = world.api
  const count = promisify(server.getConnections.bind(server))
  let [open, accepted] = [0, 0]
  const look = async (): Promise<void> => {
    accepted += 1
    open = Math.max(open, await count())
  }
  const began = performance.now()
  server.on('connection', look)
  await flood.until(({ connected }) => connected >= attackers && accepted >= attackers)
  const longest = Math.max(patience, 2 * (performance.now() - began))
  const reached = bystanders.answers + enough
  await flood.until(() => bystanders.answers >= reached)
  server.off('connection', look)
  for (const [name, { answers, failures, slowest }] of await bystanders.end()) {
    t.strictSame(failures, [], `${name}: all of ${answers} answered`)
    t.ok(slowest < longest, `${name}: the slowest took ${slowest.toFixed(0)} ms`)
  }
  t.ok(
    open <= maxConnections + Math.max(Math.ceil(maxConnections / 4), 64),
    `${open} connections at the most`,
  )
  const during = process.memoryUsage()
  for (const kind of ['rss', 'heapUsed'] as const) {
    t.comment(`${kind}: ${(before[kind] / 2 ** 20).toFixed(0)} → ${(during[kind] / 2 ** 20).toFixed(0)} MiB`)
  }
  return { world, flood, attackers }
}
