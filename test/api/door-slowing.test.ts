import http from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import t from 'tap'
import { accessConfig, callersRig, tokenOf } from '../access/support/callers.ts'
import { settle } from '../support/virtual-clock.ts'
import type { RequestOptions } from './support/client.ts'
import { request } from './support/client.ts'
import { answered } from './support/held-back.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const path = '/v1/secrets/db-password'
const right = { Authorization: `Bearer ${tokenOf('web')}` }
const wrong = { 'X-Sidekeep-Token': 'CANARY-wrong-1' }

async function tokenWorld(t: Test, maxConnections = 100): Promise<World> {
  const { callers } = await callersRig(t, accessConfig({ web: { tokens: [tokenOf('web')] } }))
  return await createWorld(t, { deps: { access: callers }, config: { maxConnections } })
}

/** One connection that is kept. */
function oneConnection(t: Test): http.Agent {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return agent
}

interface Pending {
  readonly status: () => number | undefined
  readonly answer: ReturnType<typeof request>
}

/** A request whose token fails, once the door has seen that. */
async function failing(world: World, options: RequestOptions): Promise<Pending> {
  const refused = (): number =>
    world.metrics.refusals.get('token_invalid') + world.metrics.refusals.get('token_required')
  const before = refused()
  let status: number | undefined
  const answer = request(world.port, 'GET', path, options)
  answer.then(
    (came) => {
      status = came.status
    },
    () => {},
  )
  while (refused() === before) await settle()
  return { status: () => status, answer }
}

/** Whether what is on its way on loopback has come: another request, on a connection of its own, has come and gone. */
async function arrived(world: World): Promise<void> {
  await request(world.port, 'GET', '/livez')
  await settle()
}

t.test(
  'each failed token on a connection waits twice as long as the one before, 5 s at the most',
  async (t) => {
    const world = await tokenWorld(t)
    const agent = oneConnection(t)
    for (const [at, delay] of [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000].entries()) {
      // A missing token waits as a wrong one does.
      const { status, answer } = await failing(world, { agent, headers: at % 2 === 0 ? wrong : {} })
      await world.clock.advance(delay - 1)
      await arrived(world)
      t.equal(status(), undefined, `not before ${delay} ms`)
      await world.clock.advance(1)
      const { status: code, headers } = await answer
      t.equal(code, 401)
      t.equal(headers.connection, at === 9 ? 'close' : 'keep-alive', 'the tenth ends the connection')
    }
    const { answer } = await failing(world, { agent, headers: wrong })
    await world.clock.advance(100)
    t.equal((await answer).status, 401, 'a new connection begins anew')
  },
)

t.test('a right token is answered at once, and what failed before it is forgotten', async (t) => {
  const world = await tokenWorld(t)
  const agent = oneConnection(t)
  for (const delay of [100, 200]) {
    await answered(world, () => request(world.port, 'GET', path, { agent, headers: wrong }), delay)
  }
  t.equal((await request(world.port, 'GET', path, { agent, headers: right })).status, 200)
  const { answer } = await failing(world, { agent, headers: wrong })
  await world.clock.advance(100)
  t.equal((await answer).status, 401)
})

t.test('others are not slowed, neither on their connections nor with their refusals', async (t) => {
  const world = await tokenWorld(t)
  const held = await failing(world, { headers: wrong })
  t.equal((await request(world.port, 'GET', path, { headers: right })).status, 200)
  t.equal((await request(world.port, 'GET', path, { headers: { ...right, Via: '1.1 x' } })).status, 400)
  t.equal((await request(world.port, 'PUT', path)).status, 405)
  t.equal(held.status(), undefined)
  await world.clock.advance(100)
  await held.answer
})

t.test('on a listener that wants the header nobody is slowed', async (t) => {
  const world = await createWorld(t)
  for (let time = 0; time < 12; time += 1) {
    t.equal((await request(world.port, 'GET', path)).status, 401)
  }
})

t.test('a listener that closes answers them at once', async (t) => {
  const world = await tokenWorld(t)
  const agents = [oneConnection(t), oneConnection(t)]
  const held = await Promise.all(agents.map((agent) => failing(world, { agent, headers: wrong })))
  const timers = world.clock.pending
  const closed = world.api.close()
  for (const { answer } of held) {
    const { status, headers } = await answer
    t.equal(status, 401)
    t.equal(headers.connection, 'close')
  }
  await closed
  t.ok(world.clock.pending <= timers - held.length, 'and no timer of theirs is left')
})

t.test('who leaves while the refusal is held back leaves nothing behind', async (t) => {
  const world = await tokenWorld(t)
  const agent = oneConnection(t)
  const { answer } = await failing(world, { agent, headers: wrong })
  const timers = world.clock.pending
  const left = t.rejects(answer)
  agent.destroy()
  await left
  while (world.clock.pending >= timers) await settle()
  t.match(
    (await request(world.opsPort, 'GET', '/metrics')).text,
    /route="\/v1\/secrets\/\{name\}",method="GET",status="499"\} 1/,
  )
})

t.test(
  'no more than an eighth of the connections are held: the oldest is answered early and let go',
  async (t) => {
    const world = await tokenWorld(t, 16)
    const first = await failing(world, { agent: oneConnection(t), headers: wrong })
    const second = await failing(world, { agent: oneConnection(t), headers: wrong })
    await arrived(world)
    t.equal(first.status(), undefined)
    const third = await failing(world, { agent: oneConnection(t), headers: wrong })
    const { status, headers } = await first.answer
    t.equal(status, 401)
    t.equal(headers.connection, 'close')
    t.equal(second.status(), undefined)
    await world.clock.advance(100)
    for (const { answer } of [second, third]) t.equal((await answer).headers.connection, 'keep-alive')
  },
)

t.test('what is pipelined behind a failed token is handled after its answer', async (t) => {
  const world = await tokenWorld(t)
  const socket = connect({ host: '127.0.0.1', port: world.port })
  const text = buffer(socket)
  const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`
  socket.write(`${head}X-Sidekeep-Token: CANARY-wrong-1\r\n\r\n`)
  socket.write(`${head}X-Sidekeep-Token: ${tokenOf('web')}\r\nConnection: close\r\n\r\n`)
  while (world.metrics.refusals.get('token_invalid') === 0) await settle()
  await world.clock.advance(99)
  await arrived(world)
  t.equal(world.metrics.reads.get('hit'), 0)
  await world.clock.advance(1)
  const statuses = [...(await text).toString().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  t.strictSame(statuses, ['401', '200'])
})

t.test('the time that a refusal was held back is not in the time that answers took', async (t) => {
  const world = await tokenWorld(t)
  await answered(world, () => request(world.port, 'GET', path, { headers: wrong }), 100)
  const { durations } = world.metrics.route('/v1/secrets/{name}')
  t.equal(durations.count, 1)
  t.equal(durations.sum, 0)
})
