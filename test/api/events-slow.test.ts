import { connect } from 'node:net'
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { openEvents } from './support/event-client.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const head = 'GET /v1/events HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n\r\n'

/** A client that asks and never reads. */
function stuckReader(t: { teardown(fn: () => unknown): void }, world: World) {
  const socket = connect({
    host: '127.0.0.1',
    port: world.port,
    onread: { buffer: Buffer.alloc(1), callback: () => false },
  })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(head)
  return socket
}

/** As much as fits into what the kernel keeps for a connection, and more. */
async function fill(world: World, until: () => boolean): Promise<number> {
  const name = 'a'.repeat(256)
  for (let count = 1; ; count += 1) {
    for (let event = 0; event < 50; event += 1) world.feed.rotated({ secret: name, version: 'v'.repeat(100) })
    await settle()
    if (until() || count > 4_000) return count
  }
}

t.test('a reader that takes nothing is dropped, counted and logged; the others go on', async (t) => {
  const world = await createWorld(t)
  const slow = stuckReader(t, world)
  const well = await openEvents(t, world)
  while (world.metrics.changes.streams < 2) await settle()
  await fill(world, () => world.metrics.changes.streams < 2)
  t.equal(world.metrics.changes.dropped, 1)
  t.equal(world.metrics.changes.streams, 1)
  t.match(world.debug, [/^an event stream was ended: its reader is too slow/])
  t.match((await world.get('/metrics')).text, 'sidekeep_event_streams_dropped_total 1\n')
  world.feed.rotated({ secret: 'last', version: '1' })
  await well.hears('"name":"last"')
  slow.destroy()
})

t.test(
  'little that waits for a slow reader is no reason to drop it, and many events at once are none',
  async (t) => {
    const world = await createWorld(t)
    const client = await openEvents(t, world)
    for (let count = 0; count < 20_000; count += 1)
      world.feed.rotated({ secret: 'a', version: String(count) })
    await client.hears('"version":"19999"')
    t.equal(client.messages.length, 20_000)
    t.equal(world.metrics.changes.dropped, 0)
  },
)

t.test('a reader that is stuck does not hold up a stop', async (t) => {
  const world = await createWorld(t)
  stuckReader(t, world)
  while (world.metrics.changes.streams < 1) await settle()
  // Not so much that it would be dropped: one burst, which goes no further than the kernel's buffers.
  for (let count = 0; count < 40_000; count += 1)
    world.feed.rotated({ secret: 'a'.repeat(256), version: 'v' })
  await settle()
  t.equal(world.metrics.changes.dropped, 0)
  const started = performance.now()
  await world.api.close()
  t.ok(performance.now() - started < 3_000)
})
