/** After the faults: everything is current again, and everything that the load held is let go. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from './client.ts'
import { look } from './sampling.ts'
import type { Scenario } from './scenario.ts'
import { pathOf } from './scene.ts'
import type { Subject } from './subject.ts'
import { wholeOf } from './values.ts'
import type { Leftover } from './verdict.ts'

/** Longer than backoff and breakers keep a healthy backend waiting, in milliseconds. */
const recoverWithin = 90_000
/** Longer than idle connections live on either side, in milliseconds. */
const settleWithin = 20_000
const every = 250

/**
 * Waits until each declared secret is served fresh and as its backend has it.
 *
 * @returns how long that took, in milliseconds, or the names that did not come
 */
export async function recovered(api: Client, scenario: Scenario): Promise<number | readonly string[]> {
  const began = performance.now()
  let behind = scenario.subjects.filter(({ declared }) => declared)
  for (;;) {
    const current = await Promise.all(behind.map((subject) => isCurrent(api, subject)))
    behind = behind.filter((_, at) => current[at] === false)
    const tookMs = performance.now() - began
    if (behind.length === 0) return tookMs
    if (tookMs > recoverWithin) return behind.map(({ name }) => name)
    await pause(every)
  }
}

async function isCurrent(api: Client, { name, timeline, field }: Subject): Promise<boolean> {
  const answer = await api.ask({ path: `${pathOf(name)}?format=raw` })
  const wanted = timeline.current.value
  if (answer.status !== 200 || wanted === undefined || answer.headers['sidekeep-state'] !== 'fresh')
    return false
  return wanted.equals(field === undefined ? answer.body : wholeOf(field, answer.body))
}

/** What the process holds open beyond its connections to the scene itself. */
export async function leftover(pid: number, { backends, upstream }: Scenario): Promise<Leftover> {
  const { sockets, fds } = await look(pid)
  const ours = backends.reduce((sum, backend) => sum + backend.connections, upstream.connections)
  return { sockets: sockets - ours, fds: fds - ours }
}

/** Waits until the process holds no more than before, or for as long as it may take. */
export async function settled(pid: number, scenario: Scenario, before: Leftover): Promise<Leftover> {
  const deadline = performance.now() + settleWithin
  for (;;) {
    const now = await leftover(pid, scenario)
    const isBack = !(now.sockets > before.sockets || now.fds > before.fds)
    if (isBack || performance.now() > deadline) return now
    await pause(every)
  }
}
