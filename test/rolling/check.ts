/**
 * A rolling restart under load: two sidecars in front of one application, HAProxy in front of both, and wrk in front of
 * that, first with connections that it keeps, then with a new one for each request. Each sidecar in turn gets SIGTERM,
 * ends, and is started again, while nobody who asks may notice. Prints a line for each check and `N passed, N failed`;
 * exits with 1 where one failed.
 *
 *     node check.ts --haproxy PROGRAM --wrk PROGRAM --bundle FILE --scratch FOLDER
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { traceOfCanary } from '../support/canary-trace.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { freePorts } from './free-ports.ts'
import { Haproxy, type Statistics } from './haproxy.ts'
import { Program } from './program.ts'
import { Sidecar, type Stopped } from './sidecar.ts'
import { WebSocketClient } from './web-socket.ts'
import { Wrk } from './wrk.ts'

/** Restarts of each sidecar in each of the two runs. */
const rounds = 2
const sockets = 5
/** `shutdown.timeout`, in milliseconds; the proxy drains for at most 80 % of it. */
const timeoutMs = 5_000
const drainMs = timeoutMs * 0.8

const { values } = parseArgs({
  options: {
    haproxy: { type: 'string' },
    wrk: { type: 'string' },
    bundle: { type: 'string' },
    scratch: { type: 'string' },
  },
})
const files = z
  .object({ haproxy: z.string(), wrk: z.string(), bundle: z.string(), scratch: z.string() })
  .parse(values)

let passed = 0
let failed = 0
const cleaners: (() => unknown)[] = []

function check(what: string, isSo: boolean, detail = ''): void {
  if (isSo) passed += 1
  else failed += 1
  console.log(`${isSo ? 'ok' : 'not ok'} - ${what}${isSo || detail === '' ? '' : `: ${detail}`}`)
}

async function startApplication(): Promise<number> {
  const application = new Program(process.execPath, [join(import.meta.dirname, 'application.ts')])
  cleaners.push(() => application.kill())
  return Number(await application.says('the application', /listening on (\d+)/))
}

function checkStopped(name: string, { code, log }: Stopped): void {
  check(`${name} ends with exit code 0`, code === 0, `${code}\n${log}`)
  // With `access.log: errors` each of those has a line, and so has whatever the log itself finds worth a warning.
  const lines = log.split('\n').filter((line) => /"level":"(warn|error)"|"code":"/.test(line))
  check(`${name} has failed nobody`, lines.length === 0, lines.join('\n'))
  check(`${name} logs no value`, traceOfCanary(log) === undefined)
}

async function restart(sidecar: Sidecar, haproxy: Haproxy): Promise<void> {
  checkStopped(sidecar.replica.name, await sidecar.stop())
  await haproxy.knows(sidecar.replica.name, 'DOWN')
  await sidecar.start()
  await haproxy.knows(sidecar.replica.name, 'UP')
}

/** WebSockets hold the process for as long as they may, and no longer. */
async function restartWithSockets(sidecar: Sidecar, haproxy: Haproxy): Promise<void> {
  const { name, proxy } = sidecar.replica
  const clients = await Promise.all(Array.from({ length: sockets }, () => WebSocketClient.open(proxy)))
  cleaners.push(() => {
    for (const client of clients) client.kill()
  })
  const from = performance.now()
  const ends = Promise.all(clients.map((client) => client.closed.then(() => performance.now() - from)))
  const stopped = sidecar.stop()
  await haproxy.knows(name, 'DOWN')
  const echoes = await Promise.all(clients.map((client) => client.echoes('still here')))
  check('WebSockets go on while the sidecar drains', echoes.every(Boolean))
  const { code, tookMs, log } = await stopped
  const times = await ends
  check(
    `WebSockets are closed at the deadline (${times.map(Math.round).join(', ')} ms)`,
    times.every((time) => time >= drainMs - 5 && time < timeoutMs),
  )
  check(`and do not keep the process beyond it (${Math.round(tookMs)} ms)`, tookMs < timeoutMs)
  check('and it ends with exit code 0', code === 0, `${code}\n${log}`)
  check('and says how many were cut', log.includes(`"requests":${sockets},`), log)
  await sidecar.start()
  await haproxy.knows(name, 'UP')
}

/** What it shows where it is not 0: each of these is a request that a client did not get, or might not have got. */
function checkCounters(run: string, statistics: ReadonlyMap<string, Statistics>): void {
  const { BACKEND: backend = {}, FRONTEND: frontend = {} } = Object.fromEntries(statistics)
  for (const [counter, meaning] of [
    ['econ', 'connections that did not come about'],
    ['eresp', 'answers that broke off or did not begin'],
    ['srv_abrt', 'transfers that a sidecar aborted'],
  ] as const) {
    check(`${run}: HAProxy counts no ${meaning}`, Number(backend[counter]) === 0, backend[counter])
  }
  // Its own among them.
  check(`${run}: and gave no 5xx`, Number(frontend.hrsp_5xx) === 0, frontend.hrsp_5xx)
  console.log(
    `# ${run}: ${backend.wretr} connections were refused by a sidecar that was going away; ${backend.wredis} requests went to the other one for that`,
  )
}

async function run(name: string, headers: readonly string[], withSockets: boolean): Promise<void> {
  const application = await startApplication()
  const [front = 0, ...ports] = await freePorts(5)
  const sidecars = ['first', 'second'].map((which, at) => {
    const replica = { name: which, proxy: ports[at * 2] ?? 0, ops: ports[at * 2 + 1] ?? 0 }
    const sidecar = new Sidecar(replica, { ...files, folder: files.scratch, application, timeoutMs })
    cleaners.push(() => sidecar.kill())
    return sidecar
  })
  await Promise.all(sidecars.map((sidecar) => sidecar.start()))
  const haproxy = new Haproxy(
    files.haproxy,
    files.scratch,
    front,
    sidecars.map(({ replica }) => replica),
  )
  cleaners.push(() => haproxy.stop())
  for (const { replica } of sidecars) await haproxy.knows(replica.name, 'UP')
  const wrk = new Wrk(files.wrk, `http://127.0.0.1:${front}/`, headers)
  cleaners.push(() => wrk.kill())
  const answered = async (): Promise<number> =>
    Number(await (await fetch(`http://127.0.0.1:${application}/answered`)).text())
  await eventually('load', async () => (await answered()) > 500)

  for (let round = 0; round < rounds; round += 1) {
    for (const sidecar of sidecars) await restart(sidecar, haproxy)
  }
  const [first] = sidecars
  if (withSockets && first !== undefined) await restartWithSockets(first, haproxy)

  const statistics = await haproxy.statistics()
  const load = await wrk.stop()
  const complete = await answered()
  console.log(`# ${name}: ${load.requests} requests, ${complete} answers of the application`)
  check(`${name}: wrk has no socket error`, load.requests > 1_000 && load.socketErrors === 0, load.report)
  check(`${name}: wrk got nothing but 2xx`, load.otherStatuses === 0, load.report)
  check(`${name}: no answer came from nobody`, complete >= load.requests, `${complete} of ${load.requests}`)
  checkCounters(name, statistics)
  if (failed > 0) for (const line of haproxy.failures.slice(0, 10)) console.log(`# HAProxy: ${line}`)
  for (const sidecar of sidecars) checkStopped(sidecar.replica.name, await sidecar.stop())
}

async function cleanUp(): Promise<void> {
  for (const clean of cleaners.splice(0).reverse()) await clean()
}
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => void cleanUp().finally(() => process.exit(1)))
}

try {
  await run('kept connections', [], true)
  await cleanUp()
  await run('a connection for each request', ['Connection: close'], false)
} catch (error) {
  check('the check runs to its end', false, error instanceof Error ? error.message : String(error))
} finally {
  await cleanUp()
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
