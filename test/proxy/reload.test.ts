import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { LimitConfig } from '../../src/config/schema.ts'
import { storedLimits } from '../../src/proxy/limits/limiter.ts'
import { MemoryStore } from '../../src/proxy/limits/memory-store.ts'
import { configOf, limitOf, startProxy } from './support/proxy.ts'

/** A store of these limits, after another one, and whether it lets a client pass all of them. */
function storeOf(limits: readonly LimitConfig[], former?: MemoryStore) {
  const store = new MemoryStore(storedLimits(limits), former)
  const passes = (key = 'a'): boolean =>
    store
      .take(
        limits.map((_, place) => ({ place, key })),
        0,
      )
      .every(({ allowed }) => allowed)
  return { store, passes }
}

async function application(t: Test, name: string): Promise<string> {
  const server: Server = createServer((_request, response) => response.end(name))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function ask(port: number): Promise<{ status: number | undefined; text: string }> {
  const [response] = (await once(get({ port, agent: false }), 'response')) as [IncomingMessage]
  return { status: response.statusCode, text: await textOf(response) }
}

t.test('what is owed to a limit is owed to the same limit of the next configuration', async (t) => {
  const first = storeOf([limitOf({ burst: 2 })])
  t.ok(first.passes())
  const more = [limitOf({ name: 'all', burst: 10, key: [{ by: 'none' }] }), limitOf({ burst: 2 })]
  const next = storeOf(more, first.store)
  t.ok(next.passes())
  t.notOk(next.passes(), 'two of two are spent')
})

t.test(
  'a limit with another rate, burst, name or key begins anew; its mode makes no difference',
  async (t) => {
    const first = storeOf([limitOf()])
    t.ok(first.passes())
    for (const other of [{ rate: 2 }, { burst: 2 }, { name: 'other' }, { key: [{ by: 'path' } as const] }]) {
      t.ok(storeOf([limitOf(other)], first.store).passes(), JSON.stringify(other))
    }
    const shadow = storeOf([limitOf({ mode: 'shadow' })], first.store)
    t.notOk(storeOf([limitOf()], shadow.store).passes())
  },
)

t.test('a configuration that is prepared holds from its commit on, and not if it is given up', async (t) => {
  const [first, second] = [await application(t, 'first'), await application(t, 'second')]
  const { proxy, port } = await startProxy(t, { upstream: first })
  const prepared = await proxy.prepare(configOf({ upstream: second }))
  t.match(await ask(port), { status: 200, text: 'first' })
  prepared.commit()
  t.match(await ask(port), { status: 200, text: 'second' })
  const other = await proxy.prepare(configOf({ upstream: first, limits: [limitOf()] }))
  await other.abandon()
  t.match(await ask(port), { status: 200, text: 'second' })
  t.match(await ask(port), { status: 200, text: 'second' })
})

t.test('other timeouts hold for the application and for idle clients', async (t) => {
  const { proxy } = await startProxy(t, { upstream: await application(t, 'it') })
  const timeouts = { connect: 1_000, headers: 2_000, idle: 3_000 }
  const prepared = await proxy.prepare(configOf({ upstream: 'http://127.0.0.1:1', timeouts }))
  prepared.commit()
  t.equal(proxy.app.server.timeout, 10_000)
})
