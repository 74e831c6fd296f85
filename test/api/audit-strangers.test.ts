/** The attack: a flood of refused requests, to fill the disk that the audit is on, and so stop who refuses without it. */
import t from 'tap'
import { strangers } from '../../src/api/recording.ts'
import { createAuditedWorld, forWeb, webToken } from './support/audited-world.ts'
import { request } from './support/client.ts'

t.test('of a flood of strangers a bounded part is recorded, and how many were not', async (t) => {
  const audited = await createAuditedWorld(t)
  const { world, counts } = audited
  const beyond = 7
  for (let count = 0; count < strangers.burst + beyond; count += 1) {
    t.equal((await request(world.port, 'GET', '/v1/secrets/db-password')).status, 401)
  }
  t.equal((await audited.lines(strangers.burst)).length, strangers.burst)
  t.equal(counts.withheld, beyond)
  t.equal((await world.get('/v1/secrets/db-password')).status, 200)
  t.match((await audited.lines(strangers.burst + 1)).at(-1), { status: 200 }, 'who is let in is recorded')
  await world.clock.advance(1_000)
  await request(world.port, 'GET', '/v1/secrets/db-password')
  t.match((await audited.lines(strangers.burst + 2)).at(-1), { status: 401, withheld: beyond })
  await request(world.port, 'GET', '/v1/secrets/db-password')
  t.notOk((await audited.lines(strangers.burst + 3)).at(-1)?.withheld, 'told once')
})

t.test('a caller is recorded whatever strangers do, and whatever it is refused', async (t) => {
  const audited = await createAuditedWorld(t, { deps: { access: forWeb } })
  const { world } = audited
  const more = strangers.burst + 10
  for (let count = 0; count < more; count += 1) {
    await request(world.port, 'GET', '/v1/secrets/other', { headers: { 'X-Sidekeep-Token': webToken } })
  }
  const lines = await audited.lines(more)
  t.equal(lines.length, more)
  t.ok(lines.every(({ caller, status }) => caller === 'web' && status === 403))
})
