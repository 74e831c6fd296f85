/** A change of the configuration that takes a token from one caller and gives it to another, whichever listener is whose. */
import Fastify from 'fastify'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import type { Callers } from '../../src/access/callers.ts'
import type { Config } from '../../src/config/schema.ts'
import { Listeners } from '../../src/parts/listeners.ts'
import { serveApi } from '../../src/parts/served-api.ts'
import { tokenOf } from '../access/support/callers.ts'
import { parse } from '../config/helpers.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const env = { MOVED: tokenOf('moved'), OTHER: tokenOf('other') }

/** Names of variables with tokens, by caller: of the main listener, then of a further one, if there is one. */
type Layout = readonly [main: Record<string, keyof typeof env>, further?: Record<string, keyof typeof env>]

async function configOf([main, further]: Layout): Promise<Config> {
  const callers = (all: Layout[0]) =>
    Object.fromEntries(
      Object.entries(all).map(([name, variable]) => [name, { tokens: [{ env: variable }], allow: ['*'] }]),
    )
  const api = {
    listen: '127.0.0.1:0',
    callers: callers(main),
    listeners: further === undefined ? [] : [{ listen: '127.0.0.2:0', callers: callers(further) }],
  }
  return (await parse(JSON.stringify({ api, providers: {} }), env)).config
}

async function rigOf(t: Test, layout: Layout) {
  const accesses = new Map<string, Access>()
  const peers = new Set<Callers>()
  const log = pino({ level: 'silent' })
  const listeners = new Listeners(
    {
      api: (door) =>
        serveApi(door, {
          create: (access) => {
            accesses.set(door.place.name, access)
            return Fastify()
          },
          callers: { clock: new VirtualClock(), log, peers },
          tls: () => {
            throw new Error('no TLS is configured')
          },
        }),
      ops: () => ({ app: Fastify(), close: async () => {} }),
      proxy: async () => {
        throw new Error('no proxy is configured')
      },
    },
    log,
  )
  await listeners.create(await configOf(layout))
  await listeners.open()
  t.teardown(async () => {
    await Promise.all([listeners.closeApi(), listeners.left()])
  })
  const prepare = async (next: Layout) =>
    await listeners.prepare(await configOf(next), { opensProxy: false, withinMs: 0 })
  return {
    prepare,
    change: async (next: Layout) => (await prepare(next)).commit(),
    /** Whom the moved token is let in as. */
    holder: (listener: string) => accesses.get(listener)?.identify(env.MOVED)?.name,
  }
}

const further = 'api.listeners[0]'
const moves: Record<string, { from: Layout; to: Layout; at: string }> = {
  'to the main listener': {
    from: [{ web: 'OTHER' }, { worker: 'MOVED' }],
    to: [{ 'new-web': 'MOVED' }, { worker: 'OTHER' }],
    at: 'api',
  },
  'to a further listener': {
    from: [{ web: 'MOVED' }, { worker: 'OTHER' }],
    to: [{ web: 'OTHER' }, { 'new-worker': 'MOVED' }],
    at: further,
  },
  'to a listener that is new': {
    from: [{ web: 'MOVED' }],
    to: [{ web: 'OTHER' }, { worker: 'MOVED' }],
    at: further,
  },
  'from a listener that goes': {
    from: [{ web: 'OTHER' }, { worker: 'MOVED' }],
    to: [{ 'new-web': 'MOVED' }],
    at: 'api',
  },
  'to another name on the same listener': { from: [{ web: 'MOVED' }], to: [{ shop: 'MOVED' }], at: 'api' },
}

for (const [what, { from, to, at }] of Object.entries(moves)) {
  t.test(`a token of the environment moves ${what}, and lets in who has it now`, async (t) => {
    const { change, holder } = await rigOf(t, from)
    await change(to)
    const now = Object.entries(at === 'api' ? to[0] : (to[1] ?? {})).find(
      ([, token]) => token === 'MOVED',
    )?.[0]
    await eventually('the token to let its caller in', () => holder(at) === now)
    t.equal(holder(at), now)
    if (at === further) t.equal(holder('api'), undefined, 'and nobody elsewhere')
  })
}

t.test('a move that is given up leaves the token where it was', async (t) => {
  const { prepare, holder } = await rigOf(t, [{ web: 'MOVED' }])
  const prepared = await prepare([{ web: 'OTHER' }, { worker: 'MOVED' }])
  await prepared.abandon()
  t.equal(holder('api'), 'web')
  t.equal(holder(further), undefined)
})
