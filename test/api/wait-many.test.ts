import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { createWorld, pause } from './support/world.ts'

const callers = 2_000
const path = '/v1/secrets/db-password'

t.test('one rotation wakes two thousand callers: each gets the new value once', async (t) => {
  const world = await createWorld(t, { config: { maxConnections: callers * 1.5 } })
  const tag = (await world.get(path)).headers.etag
  const line = `GET ${path}?wait=1m HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\nIf-None-Match: ${tag}\r\n\r\n`
  const answers: string[] = new Array<string>(callers).fill('')
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let caller = 0; caller < callers; caller += 1) {
    const socket = connect({ host: '127.0.0.1', port: world.port })
    socket.on('data', (chunk) => {
      answers[caller] += chunk.toString()
    })
    sockets.push(socket)
    await once(socket, 'connect')
    socket.write(line)
  }
  while (world.metrics.changes.waiting < callers) await settle()
  t.ok(world.clock.pending < callers + 100, 'a timer each, and no more')
  const calls = world.provider.calls
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await pause(world)
  await world.refresher.refresh('db-password')
  // While they are being woken, others are answered: the event loop is not kept.
  const other = await world.get('/livez')
  t.equal(other.status, 200)
  while (answers.some((answer) => !answer.includes('CANARY-db-password-2'))) await settle()
  await settle()
  t.equal(world.metrics.changes.waiting, 0)
  t.equal(world.provider.calls, calls + 1)
  t.strictSame(
    answers.filter(
      (answer) => answer.match(/HTTP\/1\.1 200/g)?.length !== 1 || answer.match(/CANARY-/g)?.length !== 1,
    ),
    [],
  )
  world.provider.values.set('db-password', 'CANARY-db-password-3')
  await pause(world)
  await world.refresher.refresh('db-password')
  for (let turn = 0; turn < 50; turn += 1) await settle()
  t.notOk(answers.some((answer) => answer.includes('CANARY-db-password-3')))
})
