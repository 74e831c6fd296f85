/** `audit.onFailure: refuse`: nothing is answered whose line is not in the file. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { retryInterval } from '../../src/audit/lines.ts'
import fc from '../support/property.ts'
import { settle } from '../support/virtual-clock.ts'
import type { AuditedWorld } from './support/audited-world.ts'
import { createAuditedWorld } from './support/audited-world.ts'
import { request } from './support/client.ts'
import { openEvents } from './support/event-client.ts'
import { as, KnownCallers } from './support/known-callers.ts'
import { pause, type World } from './support/world.ts'

const path = '/v1/secrets/db-password?format=raw'

const refusing = (t: Test, more: Parameters<typeof createAuditedWorld>[1] = {}) =>
  createAuditedWorld(t, { onFailure: 'refuse', ...more })

function heldBytes(world: World): Buffer {
  const reading = world.cache.read('db-password')
  if (reading.kind !== 'held') throw new Error(reading.kind)
  return reading.secret.reveal()
}

const isWiped = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)

/** Until the line of a request waits for the disk. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

/** A request whose answer has to wait, and how many answers of that route there were before. */
async function waiting(audited: AuditedWorld, ask = () => audited.world.get(path)) {
  const open = audited.disk.hold()
  let asked = 0
  audited.world.api.server.once('request', () => {
    asked += 1
  })
  let isAnswered = false
  const answer = ask().finally(() => {
    isAnswered = true
  })
  await until(() => asked === 1)
  for (let turns = 0; turns < 20; turns += 1) await settle()
  return { open, answer, isAnswered: () => isAnswered }
}

t.test('an answer waits until its line is in the file', async (t) => {
  const audited = await refusing(t)
  const { open, answer, isAnswered } = await waiting(audited)
  t.notOk(isAnswered())
  t.equal(readFileSync(audited.path, 'utf8'), '')
  open()
  t.match(await answer, { status: 200, text: 'CANARY-db-password-1' })
  t.match(await audited.lines(1), [{ action: 'read', name: 'db-password', status: 200 }])
})

t.test('a secret that is rotated meanwhile is answered whole, and overwritten then', async (t) => {
  const audited = await refusing(t)
  const { world } = audited
  const old = heldBytes(world)
  const { open, answer } = await waiting(audited)
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await pause(world)
  await world.refresher.refresh('db-password')
  await turn()
  await turn()
  t.notOk(isWiped(old), 'it waits for its answer')
  open()
  t.equal((await answer).text, 'CANARY-db-password-1')
  await until(() => isWiped(old))
  t.equal((await world.get(path)).text, 'CANARY-db-password-2')
})

t.test('who is let in no more by then gets no value, and has a line that says so', async (t) => {
  const access = new KnownCallers({ web: {} })
  const audited = await refusing(t, { deps: { access } })
  const { world } = audited
  const old = heldBytes(world)
  const ask = () => request(world.port, 'GET', path, { headers: as('web') })
  const { open, answer } = await waiting(audited, ask)
  access.void('web')
  open()
  const { status, text, headers } = await answer
  t.equal(status, 401)
  t.match(text, 'SIDEKEEP_TOKEN_INVALID')
  t.match(headers['www-authenticate'], 'error="invalid_token"')
  t.notMatch(text, 'CANARY-')
  t.match(await audited.lines(2), [
    { action: 'read', name: 'db-password', caller: 'web', status: 200 },
    {
      action: 'read',
      name: 'db-password',
      version: null,
      state: null,
      caller: 'web',
      status: 401,
      code: 'SIDEKEEP_TOKEN_INVALID',
    },
  ])
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await pause(world)
  await world.refresher.refresh('db-password')
  await until(() => isWiped(old))
  t.pass('nothing keeps the value')
})

t.test('who is let in no more by then is not told how a secret stands either', async (t) => {
  const access = new KnownCallers({ web: {} })
  const audited = await refusing(t, { deps: { access } })
  const { port } = audited.world
  const ask = () => request(port, 'GET', '/v1/secrets/nobody', { headers: as('web') })
  const { open, answer } = await waiting(audited, ask)
  access.void('web')
  open()
  t.match(await answer, { status: 401, text: /SIDEKEEP_TOKEN_INVALID/ })
  t.match(await audited.lines(2), [
    { name: 'nobody', status: 404 },
    { name: 'nobody', status: 401, version: null, state: null },
  ])
})

t.test('who leaves meanwhile keeps nothing, and has a line all the same', async (t) => {
  const audited = await refusing(t)
  const { world } = audited
  const old = heldBytes(world)
  const open = audited.disk.hold()
  const socket = connect({ host: '127.0.0.1', port: world.port })
  t.teardown(() => socket.destroy())
  let [asked, ended] = [false, false]
  world.api.server.once('request', (request) => {
    asked = true
    request.socket.once('close', () => {
      ended = true
    })
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n\r\n`)
  await until(() => asked)
  for (let turns = 0; turns < 20; turns += 1) await settle()
  socket.destroy()
  await until(() => ended)
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await pause(world)
  await world.refresher.refresh('db-password')
  open()
  await until(() => isWiped(old))
  t.match(await audited.lines(1), [{ status: 200, name: 'db-password' }])
})

t.test(
  'while lines cannot be written callers are refused, health is not, and it ends by itself',
  async (t) => {
    const audited = await refusing(t)
    const { world, disk, counts, clock, trail } = audited
    t.equal((await world.get(path)).status, 200)
    disk.room = 10
    for (const ask of [path, '/v1/secrets', '/v1/secrets/nobody', '/v1/explain/db-password', '/v1/events']) {
      const { status, headers, text } = await world.get(ask)
      t.equal(status, 503, ask)
      t.equal(headers['retry-after'], '1')
      t.equal(JSON.parse(text).code, 'SIDEKEEP_AUDIT_FAILED')
    }
    t.equal((await world.post('/v1/refresh/db-password')).status, 503)
    t.notOk(trail.letsAnswer)
    for (const health of ['/livez', '/readyz', '/metrics'])
      t.equal((await world.get(health)).status, 200, health)
    t.match(counts, { written: 1, lost: 6, failures: 1, recoveries: 0 })
    await clock.advance(retryInterval)
    t.notOk(trail.letsAnswer)
    disk.room = 100_000
    await clock.advance(retryInterval)
    await until(() => trail.letsAnswer)
    t.match(await world.get(path), { status: 200, text: 'CANARY-db-password-1' })
    t.match(counts, { written: 2, lost: 6, failures: 1, recoveries: 1 })
    const lines = readFileSync(audited.path, 'utf8').split('\n').slice(0, -1)
    t.equal(lines.length, 4)
    t.equal(lines[1], '{"time":"2', 'what was torn is a line of its own')
    t.match(JSON.parse(lines[2] ?? ''), { action: 'lost', lost: 6 })
    t.match(JSON.parse(lines[3] ?? ''), { action: 'read', name: 'db-password', status: 200 })
  },
)

t.test('an event stream begins when its line is in the file', async (t) => {
  const audited = await refusing(t)
  const { world } = audited
  const open = audited.disk.hold()
  let isOpen = false
  const stream = openEvents(t, world).then((client) => {
    isOpen = true
    return client
  })
  for (let turns = 0; turns < 50; turns += 1) await settle()
  t.notOk(isOpen)
  open()
  const client = await stream
  t.equal(client.status, 200)
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await pause(world)
  await world.refresher.refresh('db-password')
  await client.has(1)
  t.strictSame(client.story, ['rotated db-password'])
  t.match(await audited.lines(1), [{ action: 'watch', name: null, status: 200 }])
})

t.test('a listener that closes answers who waits for a line', async (t) => {
  const audited = await refusing(t)
  const { open, answer } = await waiting(audited)
  const closed = audited.world.api.close()
  open()
  t.match(await answer, { status: 200, text: 'CANARY-db-password-1' })
  await closed
})

t.test('whatever room the disk has and whenever, nobody gets an answer without a line', async (t) => {
  const values = { 'db-password': 'CANARY-db-password-1', a: 'CANARY-a-1', b: 'CANARY-b-1', c: 'CANARY-c-1' }
  const audited = await refusing(t, { values })
  const { world, disk, clock } = audited
  const names = Object.keys(values)
  const answered = new Map<string, number>()
  const step = fc.record({
    room: fc.nat(900),
    names: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 5 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      for (const { room, names: asked } of steps) {
        disk.room = room
        const answers = await Promise.all(
          asked.map(async (name) => ({ name, ...(await world.get(`/v1/secrets/${name}`)) })),
        )
        for (const { name, status } of answers) {
          if (status !== 200 && status !== 503) throw new Error(`${status}`)
          if (status === 200) answered.set(name, (answered.get(name) ?? 0) + 1)
        }
        const recorded = new Map<string, number>()
        for (const line of readFileSync(audited.path, 'utf8').split('\n')) {
          const name = nameIn(line)
          if (name !== undefined) recorded.set(name, (recorded.get(name) ?? 0) + 1)
        }
        for (const [name, count] of answered) {
          if ((recorded.get(name) ?? 0) < count)
            throw new Error(`${name}: ${count} answers, ${recorded.get(name)} lines`)
        }
        await clock.advance(retryInterval)
      }
    }),
    { numRuns: 60 },
  )
  t.ok(answered.size > 0, 'some were answered')
  t.ok(audited.counts.lost > 0, 'and some were not')
})

/** The secret of a whole line; one that lacks only its end is whole. */
function nameIn(line: string): string | undefined {
  try {
    const { name, status } = JSON.parse(line) as { name?: string; status?: number }
    return status === 200 ? name : undefined
  } catch {
    return undefined
  }
}
