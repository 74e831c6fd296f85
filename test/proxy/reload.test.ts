import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { Limiter } from '../../src/proxy/limits/limiter.ts'
import { configOf, limitOf, startProxy } from './support/proxy.ts'

const observer = { answered() {}, limited() {}, upstreamFailed() {} }
const from = (client: string) => ({ client, headers: {} })

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
  const limiter = new Limiter({ limits: [limitOf({ burst: 2 })], exempt: [], observer })
  t.equal(limiter.rule('/', from('a'), 0).refusal, undefined)
  const more = [limitOf({ name: 'all', burst: 10, key: { by: 'none' } }), limitOf({ burst: 2 })]
  const next = limiter.successor({ limits: more, exempt: ['/free'] })
  t.equal(next.rule('/', from('a'), 0).refusal, undefined)
  t.strictSame(next.rule('/', from('a'), 0).refusal?.limits, ['per-client'], 'two of two are spent')
  t.equal(next.rule('/free', from('a'), 0).refusal, undefined)
})

t.test(
  'a limit with another rate, burst, key or name begins anew; its mode makes no difference',
  async (t) => {
    const limiter = new Limiter({ limits: [limitOf()], exempt: [], observer })
    limiter.rule('/', from('a'), 0)
    for (const other of [{ rate: 2 }, { burst: 2 }, { key: { by: 'none' } as const }, { name: 'other' }]) {
      const next = limiter.successor({ limits: [limitOf(other)], exempt: [] })
      t.equal(next.rule('/', from('a'), 0).refusal, undefined, JSON.stringify(other))
    }
    const shadow = limiter.successor({ limits: [limitOf({ mode: 'shadow' })], exempt: [] })
    t.equal(shadow.rule('/', from('a'), 0).refusal, undefined)
    const enforced = shadow.successor({ limits: [limitOf()], exempt: [] })
    t.strictSame(enforced.rule('/', from('a'), 0).refusal?.limits, ['per-client'])
  },
)

t.test('a configuration that is prepared holds from its commit on, and not if it is given up', async (t) => {
  const [first, second] = [await application(t, 'first'), await application(t, 'second')]
  const { proxy, port } = await startProxy(t, { upstream: first })
  const prepared = proxy.prepare(configOf({ upstream: second }))
  t.match(await ask(port), { status: 200, text: 'first' })
  prepared.commit()
  t.match(await ask(port), { status: 200, text: 'second' })
  await proxy.prepare(configOf({ upstream: first, limits: [limitOf()] })).abandon()
  t.match(await ask(port), { status: 200, text: 'second' })
  t.match(await ask(port), { status: 200, text: 'second' })
})

t.test('other timeouts hold for the application and for idle clients', async (t) => {
  const { proxy } = await startProxy(t, { upstream: await application(t, 'it') })
  const timeouts = { connect: 1_000, headers: 2_000, idle: 3_000 }
  proxy.prepare(configOf({ upstream: 'http://127.0.0.1:1', timeouts })).commit()
  t.equal(proxy.app.server.timeout, 9_000)
})
