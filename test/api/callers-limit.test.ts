import type { Test } from 'tap'
import t from 'tap'
import type { AccessConfig } from '../../src/access/settings.ts'
import { accessConfig, callersRig, tokenOf } from '../access/support/callers.ts'

import { request } from './support/client.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const path = '/v1/secrets/db-password'

interface LimitedWorld extends World {
  ask(token: string, at?: string): ReturnType<typeof request>
  /** How many of so many requests, one after the other, are let in. */
  passing(count: number, token: string): Promise<number>
  apply(config: AccessConfig): Promise<void>
}

async function limitedWorld(t: Test, config: AccessConfig): Promise<LimitedWorld> {
  const { callers, apply } = await callersRig(t, config)
  const world = await createWorld(t, { deps: { access: callers } })
  const ask = (token: string, at = path) =>
    request(world.port, 'GET', at, {
      headers: { Authorization: `Bearer ${tokenOf(token)}`, 'X-Sidekeep-Request': 'true' },
    })
  return {
    ...world,
    ask,
    apply,
    async passing(count, token) {
      let passed = 0
      for (let time = 0; time < count; time += 1) passed += (await ask(token)).status === 200 ? 1 : 0
      return passed
    },
  }
}

t.test(
  'a caller beyond its limit is answered 429, with when to come again and whose limit it is',
  async (t) => {
    const world = await limitedWorld(t, accessConfig({ web: { tokens: [tokenOf('web')], limit: 10 } }))
    t.equal(await world.passing(10, 'web'), 10)
    const refused = await world.ask('web')
    t.equal(refused.status, 429)
    t.equal(refused.json().code, 'SIDEKEEP_RATE_LIMITED')
    t.match(refused.json().detail, 'requests of web')
    t.equal(refused.headers['retry-after'], '1')
    await world.clock.advance(100)
    t.equal(await world.passing(2, 'web'), 1, 'one more after a tenth of a second')
  },
)

t.test(
  'no second sees more than its limit and what may come at once: there is no edge of a window',
  async (t) => {
    const world = await limitedWorld(t, accessConfig({ web: { tokens: [tokenOf('web')], limit: 10 } }))
    await world.clock.advance(950)
    t.equal(await world.passing(12, 'web'), 10)
    await world.clock.advance(100)
    t.equal(await world.passing(12, 'web'), 1, 'a new second of the clock brings no new budget')
  },
)

t.test('a limit of less than one a second lets one in at a time', async (t) => {
  const world = await limitedWorld(t, accessConfig({ web: { tokens: [tokenOf('web')], limit: 6 / 60 } }))
  t.equal(await world.passing(3, 'web'), 1)
  t.equal((await world.ask('web')).headers['retry-after'], '10')
  await world.clock.advance(9_999)
  t.equal(await world.passing(1, 'web'), 0)
  await world.clock.advance(1)
  t.equal(await world.passing(2, 'web'), 1)
})

t.test('all tokens of a caller share its limit, and other callers have their own', async (t) => {
  const world = await limitedWorld(
    t,
    accessConfig(
      {
        web: { tokens: [tokenOf('web-1'), tokenOf('web-2')], limit: 4 },
        worker: { tokens: [tokenOf('worker')] },
        free: { tokens: [tokenOf('free')], limit: 1_000 },
      },
      { limit: 2 },
    ),
  )
  t.equal(await world.passing(2, 'web-1'), 2)
  t.equal(await world.passing(3, 'web-2'), 2)
  t.equal(await world.passing(1, 'web-1'), 0)
  t.equal(await world.passing(3, 'worker'), 2, 'the limit of those that have none of their own')
  t.equal(await world.passing(20, 'free'), 20)
})

t.test(
  'without callers the limit is for whoever can connect, and without a limit there is none',
  async (t) => {
    const anyone = { rights: ['read', 'list', 'refresh', 'watch'], allow: undefined, limit: 3 } as const
    const world = await limitedWorld(t, accessConfig(undefined, { anyone }))
    t.equal(await world.passing(5, 'anybody'), 3)
    t.match((await world.ask('anybody')).json().detail, 'requests to this listener')
    t.equal((await world.ask('', '/livez')).status, 200, 'health has none')
    const free = await limitedWorld(t, accessConfig(undefined))
    t.equal(await free.passing(150, 'anybody'), 150)
  },
)

t.test('what is refused before costs nothing of the limit', async (t) => {
  const world = await limitedWorld(
    t,
    accessConfig({ web: { tokens: [tokenOf('web')], allow: ['db-*'], limit: 2 } }),
  )
  for (let time = 0; time < 5; time += 1) {
    t.equal((await world.ask('web', '/v1/secrets/other')).status, 403)
  }
  t.equal(await world.passing(3, 'web'), 2)
})

t.test('a changed limit holds from the next request on', async (t) => {
  const config = (limit: number) => accessConfig({ web: { tokens: [tokenOf('web')], limit } })
  const world = await limitedWorld(t, config(2))
  t.equal(await world.passing(3, 'web'), 2)
  await world.apply(config(1_000))
  await world.clock.advance(500)
  t.equal(await world.passing(50, 'web'), 50)
})

t.test('requests that come together are counted each', async (t) => {
  const world = await limitedWorld(t, accessConfig({ web: { tokens: [tokenOf('web')], limit: 5 } }))
  const answers = await Promise.all(Array.from({ length: 20 }, () => world.ask('web')))
  t.equal(answers.filter(({ status }) => status === 200).length, 5)
  t.equal(answers.filter(({ status }) => status === 429).length, 15)
})
