/** A Redis that is not there when a sidecar starts. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { freePorts } from '../rolling/free-ports.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { type Answer, askOnce, headerOf } from './client.ts'
import type { Sidecar } from './sidecar.ts'
import { check, cleaners, startApplication, startSidecar } from './tally.ts'

const limits = [{ name: 'two', rate: '2/h', burst: 2 }]
/** How long the proxy waits for its first connection at the most, and what the machine may take besides. In milliseconds. */
const [patienceMs, slackMs] = [500, 2_000]

/** Accepts, and never says a word. */
async function startMute(): Promise<{ url: string; connections: () => number }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    socket.resume()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleaners.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return { url: `redis://127.0.0.1:${port}`, connections: () => sockets.length }
}

async function askThrice({ proxyPort }: Sidecar): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let at = 0; at < 3; at += 1) answers.push(await askOnce(proxyPort, '/'))
  return answers
}

const statuses = (answers: readonly Answer[]): string => answers.map(({ status }) => status).join()

async function checkMute(application: number): Promise<void> {
  const mute = await startMute()
  const one = await startSidecar({ application, proxy: { limits, store: mute.url } }, false)
  check('hanging: the API opens without it', mute.connections() === 0 && !(await one.isReady()))
  const from = performance.now()
  one.setPassword('CANARY-late')
  await one.getsReady()
  const took = performance.now() - from
  check(`hanging: the proxy opens all the same (${took.toFixed(0)} ms)`, took < patienceMs + slackMs)
  check('hanging: it was asked', mute.connections() >= 1 && (await one.isReady()))
  const answers = await askThrice(one)
  check('hanging: the limits count in the process', statuses(answers) === '200,200,429', statuses(answers))
  await eventually('a warning', () => one.complaints.length > 0)
  check('hanging: the log says so', one.complaints.length === 1, one.log)
  check('hanging: it ends in order', (await one.stop()) === 0, one.log)
}

export async function checkAbsence(): Promise<void> {
  const application = await startApplication()
  await checkMute(application)
  const [port = 0] = await freePorts(1)
  const start = (onStoreFailure: string): Promise<Sidecar> =>
    startSidecar({
      application,
      proxy: { limits, store: `redis://127.0.0.1:${port}`, onStoreFailure },
      password: 'CANARY-unused',
    })
  const local = await start('local')
  const afterMs = await local.getsReady()
  check(`refusing: it gets ready (${afterMs} ms after its start)`, await local.isReady())
  const counted = await askThrice(local)
  check('local: the limits count in the process', statuses(counted) === '200,200,429', statuses(counted))
  const deny = await askThrice(await start('deny'))
  check(
    'deny: 503 SIDEKEEP_LIMITS_UNAVAILABLE, with Retry-After',
    statuses(deny) === '503,503,503' &&
      deny.every(({ head }) => headerOf(head, 'Sidekeep-Error') === 'SIDEKEEP_LIMITS_UNAVAILABLE') &&
      deny.every(({ head }) => Number(headerOf(head, 'Retry-After')) >= 1),
    deny[0]?.head,
  )
  const allow = await askThrice(await start('allow'))
  check(
    'allow: no limits, and no word of them',
    statuses(allow) === '200,200,200' && allow.every(({ head }) => !/ratelimit/i.test(head)),
    allow[0]?.head,
  )
}
