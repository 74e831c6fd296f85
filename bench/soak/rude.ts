/** Callers who do not behave: they leave, they stall, they read slowly. Nothing is owed to them, and nothing may stay. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { type Answer, doorHeaders } from './client.ts'
import type { Scene } from './scene.ts'
import { pathOf } from './scene.ts'
import { judgeRead } from './secret-answer.ts'

const door = Object.entries(doorHeaders)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

/** So many large values at once, several MiB. */
const hoarded = 24

function requestText({ api }: Scene, path: string, more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${api.address.host}\r\n${door}${more}\r\n`
}

/** A connection that may end in any way. */
async function open({ api }: Scene): Promise<Socket> {
  const socket = connect(api.address)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Asks for something large, or for what takes long, and is gone before the answer is. */
export async function leave(scene: Scene): Promise<void> {
  const { dice, tally } = scene
  const socket = await open(scene)
  const path = dice.pick([
    '/v1/secrets/blob?format=raw',
    '/metrics',
    '/v1/secrets/key-1?refresh=true',
    `/v1/secrets/dyn/none-${dice.hex(4)}`,
  ])
  socket.write(requestText(scene, path))
  if (dice.chance(0.5)) await Promise.race([once(socket, 'data'), pause(1_000)])
  else await pause(dice.between(0, 20))
  if (dice.chance(0.5)) socket.resetAndDestroy()
  else socket.destroy()
  tally.count('leave mid-answer', 'left')
}

/** Sends half of a request, or none of it, and waits for what happens. */
export async function stall(scene: Scene): Promise<void> {
  const { dice, tally, judges } = scene
  const socket = await open(scene)
  const half = dice.chance(0.7)
  if (half) socket.write('GET /v1/secrets/core HTTP/1.1\r\nHost: 127.0.')
  const answer = buffer(socket).catch(() => Buffer.alloc(0))
  // Longer than the API waits for the rest, and twice what it lets an idle connection stay.
  const patience = pause(13_000, undefined, { signal: scene.over }).catch(() => undefined)
  const ended = await Promise.race([answer, patience])
  socket.destroy()
  const status = /^HTTP\/1\.1 (\d+)/.exec(ended?.toString('latin1') ?? '')?.[1]
  tally.count('half-open', status ?? (ended === undefined ? 'still open' : 'closed'))
  if (status !== undefined && status !== '408') judges.findings.add('an answer to half a request', status)
}

/** Asks for much at once and reads nothing of it, until what the kernel takes is long full. */
export async function hoard(scene: Scene): Promise<void> {
  const socket = await open(scene)
  socket.pause()
  socket.write(requestText(scene, '/v1/secrets/blob?format=raw').repeat(hoarded))
  await pause(scene.dice.between(2_000, 8_000), undefined, { signal: scene.over }).catch(() => {})
  socket.destroy()
  scene.tally.count('ask and never read', 'left')
}

/**
 * Asks for a large value many times at once and reads late: more than the kernel takes, so that answers wait in the
 * process while the value rotates. Each has to come whole, as it was when it was asked for.
 */
export async function readLate(scene: Scene): Promise<void> {
  const { dice, judges, subjects, tally, over } = scene
  const subject = subjects.find(({ name }) => name === 'blob')
  if (subject === undefined) return
  const path = `${pathOf(subject.name)}?format=raw`
  const socket = await open(scene)
  socket.pause()
  const look = judges.oracle.begin(subject, performance.now())
  socket.write(
    requestText(scene, path).repeat(hoarded - 1) + requestText(scene, path, 'Connection: close\r\n'),
  )
  await pause(dice.between(1_000, 4_000), undefined, { signal: over }).catch(() => {})
  const answers = splitAnswers(await buffer(socket), look.sentAt)
  tally.count('read late', answers.length === hoarded ? 'all came' : `${answers.length} of ${hoarded} came`)
  if (answers.length !== hoarded && !scene.phase.stopping) {
    judges.findings.add('answers that never came', `${path}: ${answers.length} of ${hoarded}`)
  }
  for (const answer of answers)
    judgeRead(judges, { look, target: path, route: 'GET /v1/secrets/{name}' }, answer)
}

/** The answers of one connection, each with its Content-Length (RFC 9112, section 6.2); what is cut short is left out. */
function splitAnswers(bytes: Buffer, sentAt: number): Answer[] {
  const answers: Answer[] = []
  const endedAt = performance.now()
  for (let from = 0; from < bytes.length; ) {
    const headEnd = bytes.indexOf('\r\n\r\n', from)
    if (headEnd < 0) break
    const [first = '', ...lines] = bytes.toString('latin1', from, headEnd).split('\r\n')
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    const start = headEnd + 4
    const end = start + Number(headers['content-length'] ?? 0)
    if (end > bytes.length) break
    answers.push({
      status: Number(first.split(' ')[1]),
      headers,
      body: bytes.subarray(start, end),
      sentAt,
      endedAt,
    })
    from = end
  }
  return answers
}

/** Reads a large value in small sips: it has to come whole all the same. */
export async function sip(scene: Scene): Promise<void> {
  const { api, judges, subjects, tally } = scene
  const subject = subjects.find(({ name }) => name === 'blob')
  if (subject === undefined) return
  const path = `${pathOf(subject.name)}?format=raw`
  const look = judges.oracle.begin(subject, performance.now())
  const sentAt = performance.now()
  const call = request({ ...api.address, path, headers: doorHeaders, agent: false })
  call.end()
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) {
    chunks.push(chunk as Buffer)
    await pause(20)
  }
  // What it was when the answer began is what comes: judged by that time.
  const answer = {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
    sentAt,
    endedAt: performance.now(),
  }
  tally.count('read slowly', answer.status)
  judgeRead(judges, { look, target: path, route: 'GET /v1/secrets/{name}' }, answer)
}
