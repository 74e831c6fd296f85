/** Event streams: readers who keep up, and readers who never read. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { doorHeaders } from './client.ts'
import type { Scene } from './scene.ts'

const kinds = new Set(['rotated', 'stale', 'recovered', 'expired', 'gone'])

/** How a field of an event stream looks (WHATWG HTML, section 9.2.6). */
const fieldForm = /^([a-z]+): ?(.*)$/

/** Reads a stream for some seconds and judges each event. */
export async function follow(scene: Scene): Promise<void> {
  const { tally, dice } = scene
  const response = await openStream(scene)
  tally.count('event stream', response.statusCode ?? 0)
  if (response.statusCode !== 200) {
    response.destroy()
    return
  }
  const { over } = scene
  const leave = (): void => void response.destroy()
  const timer = setTimeout(leave, dice.between(2_000, 20_000))
  over.addEventListener('abort', leave, { once: true })
  let rest = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const blocks = (rest + String(chunk)).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) judgeEvent(scene, block)
    }
  } catch {
    // We left.
  } finally {
    clearTimeout(timer)
    over.removeEventListener('abort', leave)
  }
}

/** Opens a stream and never reads: it must not cost without end. */
export async function ignore(scene: Scene): Promise<void> {
  const response = await openStream(scene)
  scene.tally.count('event stream, never read', response.statusCode ?? 0)
  response.on('error', () => {})
  response.pause()
  await pause(scene.dice.between(5_000, 20_000), undefined, { signal: scene.over }).catch(() => {})
  response.destroy()
}

async function openStream({ api, dice }: Scene): Promise<IncomingMessage> {
  const path = dice.pick(['/v1/events', '/v1/events?name=db-*', '/v1/events?name=key-*'])
  const call = request({ ...api.address, path, headers: doorHeaders, agent: false })
  call.on('error', () => {})
  call.end()
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  return response
}

function judgeEvent({ judges, subjects, tally }: Scene, block: string): void {
  const { contract, findings } = judges
  contract.keepsSecrets('an event', block)
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    const [, name = '', text = ''] = fieldForm.exec(line) ?? []
    if (name !== '') fields.set(name, text)
  }
  const data = fields.get('data')
  if (data === undefined) return
  const event = fields.get('event') ?? 'message'
  tally.count('events', event)
  const json = contract.json('an event', Buffer.from(data))
  if (!kinds.has(event) || json === undefined) return
  const { name } = json
  if (typeof name !== 'string' || !subjects.some((subject) => subject.name === name)) {
    findings.add('an event of a name that does not exist', event)
  }
  if (fields.get('id') === undefined) findings.add('an event without id', event)
}
