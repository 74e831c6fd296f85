import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { deadline, within } from '../../../src/proxy/limits/redis/deadline.ts'
import { systemClock } from '../../../src/secrets/clock.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

t.test('what has arrived while the process stood still is read before the time is over', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const accepted = once(server, 'connection')
  const client = connect(address.port, '127.0.0.1')
  const [peer] = await accepted
  t.teardown(() => {
    client.destroy()
    peer.destroy()
    server.close()
  })
  const { promise, resolve } = Promise.withResolvers<string>()
  client.once('data', () => resolve('arrived'))
  // Right before the timers have their turn, and after what has arrived was looked for.
  await turn()
  peer.write('x')
  deadline(systemClock, 1, () => resolve('late'))
  const began = performance.now()
  while (performance.now() - began < 5) Math.random()
  t.equal(await promise, 'arrived')
})

t.test('a deadline that is ended says nothing, not even while it looks for the last time', async (t) => {
  const clock = new VirtualClock()
  let calls = 0
  const end = deadline(clock, 10, () => {
    calls += 1
  })
  clock.suspend(10)
  const moved = clock.advance(0)
  setImmediate(end)
  await moved
  await turn()
  t.equal(calls, 0)
  t.equal(clock.pending, 0)
})

t.test('work that ends in time leaves no timer', async (t) => {
  const clock = new VirtualClock()
  t.equal(await within(clock, 10, Promise.resolve('done'), () => new Error('late')), 'done')
  t.equal(clock.pending, 0)
  const never = within(clock, 10, new Promise(() => {}), () => new Error('late'))
  await Promise.all([t.rejects(never, { message: 'late' }), clock.advance(10)])
})
