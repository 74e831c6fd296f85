import type { Test } from 'tap'
import { traceOfCanary } from '../../support/canary-trace.ts'
import type { HttpAnswer } from '../../support/e2e-http.ts'
import { held, type Mode, never } from './configuration.ts'
import { begin, end, inScene, lasts } from './phases.ts'
import { hour, type Observed, type Row } from './row.ts'
import type { Scene } from './scene.ts'

/** Jitter in the middle of its range, and as long as it can be: the waits of the second are the longest that there are. */
const typical = (): number => 0.5
const longest = (): number => 0.999

/** How long a recovery is waited for, in milliseconds. */
const patience = 26 * hour
/**
 * How often a fault is ended to find the worst recovery: each time right after another call has failed, since who has
 * just asked will not ask again for longest.
 */
const endings: Record<Mode, number> = { list: 2, keys: 7 }

/** Runs one fault against one kind of provider, three times over, and says what was seen. */
export async function observe(t: Test, row: Row, mode: Mode): Promise<Observed> {
  const during = await inScene(t, row, mode, { random: typical }, async (scene, t) => {
    await scene.start(t)
    const { log } = scene
    const [lines, calls] = [log.length, scene.calls]
    await begin(scene, row, t)
    await lasts(scene, row)
    const spent = scene.calls - calls
    const answers = {
      held: await told(t, scene, `/v1/secrets/${row.affected ?? held}`),
      ready: await told(t, scene, '/readyz'),
      bystander:
        row.bystander === undefined ? undefined : await told(t, scene, `/v1/secrets/${row.bystander}`),
      first: await told(t, scene, `/v1/secrets/${never}`),
    }
    const said = summary(log.slice(lines))
    const typicalMs = await recovery(scene, row, 2)
    noLeak(t, 'the log', log.join(''))
    return { ...answers, calls: spent, log: said, typicalMs }
  })

  const worstMs = await inScene(t, row, mode, { random: longest }, async (scene, t) => {
    await scene.start(t)
    let worst = 0
    for (let ending = 1; ending <= (row.once ? 1 : endings[mode]); ending++) {
      await begin(scene, row, t)
      await lasts(scene, row)
      if (row.isBrief !== true) await scene.callsEnd(ending, patience)
      worst = Math.max(worst, await recovery(scene, row, ending + 1))
    }
    noLeak(t, 'the log', scene.log.join(''))
    return worst
  })

  const start = row.needsPast ? undefined : await observeStart(t, row, mode)
  return { ...during, worstMs, start }
}

/** What becomes of a sidecar that starts while the fault lasts. */
async function observeStart(t: Test, row: Row, mode: Mode): Promise<Observed['start']> {
  return await inScene(t, row, mode, { random: longest }, async (scene, t) => {
    await begin(scene, row, t)
    await scene.start(t)
    await lasts(scene, row)
    const heldThen = await told(t, scene, `/v1/secrets/${row.affected ?? held}`)
    const ready = await told(t, scene, '/readyz')
    await scene.callsEnd(1, patience)
    await end(scene, row)
    const readyMs = await scene.until(async () => (await scene.ask('/readyz')).status === 200, patience)
    noLeak(t, 'the log', scene.log.join(''))
    if (readyMs === undefined) throw new Error(`${row.id}: not ready within ${patience} ms`)
    return { held: heldThen, ready, readyMs }
  })
}

/** Ends the fault, and gives the secret another version in the same moment. Milliseconds until a caller gets it, fresh. */
async function recovery(scene: Scene, row: Row, version: number): Promise<number> {
  const name = row.affected ?? held
  await end(scene, row)
  scene.rotate(name, version)
  const ms = await scene.until(async () => {
    const { headers } = await scene.ask(`/v1/secrets/${name}`)
    return headers['sidekeep-state'] === 'fresh' && headers['sidekeep-version'] === String(version)
  }, patience)
  if (ms === undefined) throw new Error(`${row.id}: not fresh within ${patience} ms`)
  return ms
}

/** An answer in words: its status, and the state or the code that goes with it. */
async function told(t: Test, scene: Scene, path: string): Promise<string> {
  const answer = await scene.ask(path)
  const { status, headers } = answer
  if (status !== 200) {
    noLeak(t, `the answer to ${path}`, `${JSON.stringify(headers)}${answer.text}`)
    if (status === 503 && path !== '/readyz') {
      t.match(headers['retry-after'], /^[1-9]\d*$/, `${path}: a 503 says when to ask again`)
    }
  }
  return [String(status), ...about(answer)].join(' ')
}

function about({ headers, text, json }: HttpAnswer): string[] {
  const state = headers['sidekeep-state']
  if (state !== undefined) {
    const version = String(headers['sidekeep-version'])
    return version === '1' ? [String(state)] : [`${state}, version ${version}`]
  }
  return text.startsWith('{') ? [String(json().code)] : []
}

/** What the log says, beside the changes of state that each line of the table tells already. */
function summary(lines: readonly string[]): string[] {
  const failures = new Set<string>()
  const messages = new Set<string>()
  for (const line of lines) {
    const { msg, kind, reason } = JSON.parse(line) as Record<string, unknown>
    if (msg === 'refresh failed') failures.add(`${kind} ${reason}`)
    else messages.add(String(msg))
  }
  // In an order of its own: which of two keys fails first is for the sockets to decide.
  const told = remarks.filter(([end]) => [...messages].some((message) => message.endsWith(end)))
  return [...[...failures].sort(), ...told.map(([, words]) => words)]
}

/** Lines beside those of failed refreshes: how they end, and what the table has for them. */
const remarks: readonly (readonly [string, string])[] = [
  ['breaker is open', 'breaker opens'],
  ['not believed yet', 'list doubted'],
  ['they are dropped', 'list believed'],
]

function noLeak(t: Test, where: string, output: string): void {
  t.equal(traceOfCanary(output), undefined, `${where} carries no value, no body and no credential`)
}
