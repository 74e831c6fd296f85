import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import Fastify from 'fastify'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Config } from '../../src/config/schema.ts'
import type { Door } from '../../src/parts/doors.ts'
import type { Served } from '../../src/parts/listener.ts'
import { Listeners } from '../../src/parts/listeners.ts'
import type { ServedApi } from '../../src/parts/served-api.ts'
import type { ServedProxy } from '../../src/parts/served-proxy.ts'
import { parse } from '../config/helpers.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { takenPort } from '../support/e2e-taken-port.ts'
import { folderOf } from '../support/process-sidecar.ts'

interface Options {
  readonly api?: string
  /** Further ones of the api. */
  readonly further?: readonly string[]
  readonly ops?: string
  readonly proxy?: string
}

/** A configuration with these listeners at these addresses. */
async function configOf({ api = '127.0.0.1:0', further = [], ops, proxy }: Options): Promise<Config> {
  const listeners = further.map((listen) => ({ listen, allow: ['*'] }))
  const config = {
    api: { listen: api, listeners },
    ...(ops && { ops: { listen: ops } }),
    ...(proxy && { proxy: { listen: proxy, upstream: 'http://127.0.0.1:1' } }),
    providers: {},
  }
  return (await parse(JSON.stringify(config))).config
}

interface Rig {
  readonly listeners: Listeners
  /** What was done to servers, in order. */
  readonly story: string[]
  /** Of the proxy. */
  readonly certificate: { isFit: boolean }
  prepare(listeners: Options, opensProxy?: boolean): ReturnType<Listeners['prepare']>
}

async function rigOf(t: Test, listeners: Options): Promise<Rig> {
  const story: string[] = []
  const certificate = { isFit: true }
  let made = 0
  const serve = (name: string): Served => {
    made += 1
    const [app, id] = [Fastify(), `${name} ${made}`]
    return {
      app,
      close: async () => {
        story.push(`close ${id}`)
        await app.close()
      },
    }
  }
  const proxy = (): ServedProxy => ({
    ...serve('proxy'),
    fit: async () => certificate.isFit,
    prepare: async () => {
      story.push('prepare')
      return {
        commit: () => void story.push('commit'),
        abandon: async () => void story.push('abandon'),
      }
    },
  })
  const config = await configOf(listeners)
  const make = {
    api: async ({ place }: Door): Promise<ServedApi> => ({
      ...serve(place.name),
      prepare: async ({ place: { name } }) => ({
        commit: () => void story.push(`commit ${name}`),
        abandon: async () => void story.push(`abandon ${name}`),
      }),
    }),
    ops: () => serve('ops'),
    proxy: async () => proxy(),
  }
  const all = new Listeners(make, pino({ level: 'silent' }))
  await all.create(config)
  await all.open()
  await all.openProxy()
  t.teardown(async () => {
    await Promise.all([all.closeProxy({ withinMs: 0 }), all.closeApi(), all.closeOps(), all.left()])
  })
  return {
    listeners: all,
    story,
    certificate,
    prepare: async (next, opensProxy = true) =>
      await all.prepare(await configOf(next), { opensProxy, withinMs: 1_000 }),
  }
}

async function accepts(address: string | undefined): Promise<boolean> {
  const { hostname, port } = new URL(address ?? '')
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(Number(port), hostname, () => resolve(true)).on('error', () => resolve(false))
  const result = await promise
  socket.destroy()
  return result
}

t.test('until it is committed, a change has opened what is new and touched nothing else', async (t) => {
  const { listeners, story, prepare } = await rigOf(t, {})
  const before = listeners.addresses
  const prepared = await prepare({ ops: '127.0.0.1:0', proxy: '127.0.0.1:0' })
  t.strictSame(listeners.addresses, before)
  t.ok(listeners.areUp)
  prepared.commit()
  t.match(listeners.addresses, { api: before?.api, ops: /^http/, proxy: /^http/ })
  t.ok(listeners.areUp)
  t.ok(await accepts(listeners.addresses?.ops))
  t.ok(await accepts(listeners.addresses?.proxy))
  t.strictSame(story, ['commit api'])
})

t.test('a change that is given up closes what it had opened', async (t) => {
  const { listeners, story, prepare } = await rigOf(t, { proxy: '127.0.0.1:0' })
  const before = listeners.addresses
  const prepared = await prepare({ api: '127.0.0.2:0', ops: '127.0.0.1:0', proxy: '127.0.0.1:0' })
  await prepared.abandon()
  t.strictSame(story, ['prepare', 'abandon', 'close ops 4', 'close api 3'])
  t.strictSame(listeners.addresses, before)
  t.ok(await accepts(before?.api))
})

t.test('where one address cannot be had, those opened before it are closed again', async (t) => {
  const { listeners, story, prepare } = await rigOf(t, {})
  const before = listeners.addresses
  const port = await takenPort(t)
  await t.rejects(prepare({ ops: '127.0.0.1:0', proxy: `127.0.0.1:${port}` }), {
    code: 'SIDEKEEP_LISTEN_FAILED',
    message: /"proxy"/,
  })
  t.strictSame(story, ['close proxy 3', 'close ops 2', 'abandon api'])
  t.strictSame(listeners.addresses, before)
})

t.test('a proxy stays closed while the sidecar is not ready', async (t) => {
  const { listeners, prepare } = await rigOf(t, {})
  const prepared = await prepare({ proxy: '127.0.0.1:0' }, false)
  prepared.commit()
  t.equal(listeners.addresses?.proxy, undefined)
  t.notOk(listeners.areUp)
  await listeners.openProxy()
  t.ok(await accepts(listeners.addresses?.proxy))
  t.ok(listeners.areUp)
})

t.test('a proxy whose certificate is unfit stays closed until it is fit', async (t) => {
  const { listeners, prepare, certificate } = await rigOf(t, {})
  certificate.isFit = false
  const prepared = await prepare({ proxy: '127.0.0.1:0' })
  prepared.commit()
  t.notOk(await listeners.openProxy())
  t.equal(listeners.addresses?.proxy, undefined)
  t.notOk(listeners.areUp)
  certificate.isFit = true
  t.ok(await listeners.openProxy())
  t.ok(await accepts(listeners.addresses?.proxy))
  certificate.isFit = false
  t.ok(await listeners.openProxy(), 'what is open stays open')
  t.ok(listeners.areUp)
})

t.test('a proxy that serves is not given up for one whose certificate is not there yet', async (t) => {
  const { listeners, story, prepare, certificate } = await rigOf(t, { proxy: '127.0.0.1:0' })
  const before = listeners.addresses
  certificate.isFit = false
  await t.rejects(prepare({ proxy: '127.0.0.2:0' }), {
    code: 'SIDEKEEP_CERTIFICATE_INVALID',
    message: /not held yet\. Declare the secret first/,
  })
  t.strictSame(story, ['close proxy 3', 'abandon api'])
  t.ok(await accepts(before?.proxy))
})

t.test('what was replaced or removed closes behind the change, and the end waits for it', async (t) => {
  const { listeners, story, prepare } = await rigOf(t, { ops: '127.0.0.1:0' })
  const { ops } = { ...listeners.addresses }
  const prepared = await prepare({ api: '127.0.0.2:0' })
  prepared.commit()
  await listeners.left()
  t.strictSame(story.sort(), ['close api 1', 'close ops 2'])
  t.notOk(await accepts(ops))
  t.match(listeners.addresses, { api: /127\.0\.0\.2/, ops: undefined })
})

t.test('an address that the sidecar itself still holds is refused with what to do', async (t) => {
  const { listeners, prepare } = await rigOf(t, { ops: '127.0.0.1:0' })
  const port = new URL(listeners.addresses?.ops ?? '').port
  await t.rejects(prepare({ ops: `0.0.0.0:${port}` }), {
    message: /the sidecar itself listens there until the change is done \(ops\.listen\).*restart/s,
  })
  await eventually('nothing to have changed', () => accepts(listeners.addresses?.ops))
})

t.test(
  'further addresses of the api come and go, and those that stay are the same wherever they are listed',
  async (t) => {
    const [first, second] = [join(folderOf(t), 'first.sock'), join(folderOf(t), 'second.sock')]
    const { listeners, story, prepare } = await rigOf(t, { further: [`unix:${first}`] })
    t.match(listeners.addresses, { listeners: [`unix:${first}`] })
    const both = await prepare({ further: [`unix:${second}`, `unix:${first}`] })
    t.ok(existsSync(second), 'the new one is open before the change is done')
    both.commit()
    t.strictSame(listeners.addresses?.listeners, [`unix:${second}`, `unix:${first}`])
    t.ok(listeners.areUp)
    t.strictSame(story, ['commit api', 'commit api.listeners[1]'], 'under the name that it has now')
    const none = await prepare({})
    t.ok(existsSync(first) && existsSync(second), 'what goes is open until the change is done')
    none.commit()
    await listeners.left()
    t.notOk(existsSync(first) || existsSync(second))
    t.equal(listeners.addresses?.listeners, undefined)
  },
)

t.test('the main address and a further one change places without closing', async (t) => {
  const [first, second] = [`unix:${join(folderOf(t), 'a.sock')}`, `unix:${join(folderOf(t), 'b.sock')}`]
  const { listeners, story, prepare } = await rigOf(t, { api: first, further: [second] })
  const prepared = await prepare({ api: second, further: [first] })
  prepared.commit()
  await listeners.left()
  t.match(listeners.addresses, { api: second, listeners: [first] })
  t.strictSame(story, ['commit api', 'commit api.listeners[0]'])
})

t.test('a further address that cannot be had is named, and leaves everything as it was', async (t) => {
  const { listeners, story, prepare } = await rigOf(t, {})
  const port = await takenPort(t)
  await t.rejects(prepare({ further: ['127.0.0.1:0', `127.0.0.1:${port}`] }), {
    code: 'SIDEKEEP_LISTEN_FAILED',
    message: /"api\.listeners\[1\]".*api\.listeners\[1\]\.listen/s,
  })
  t.strictSame(story, ['close api.listeners[1] 3', 'close api.listeners[0] 2', 'abandon api'])
  t.equal(listeners.addresses?.listeners, undefined)
  t.ok(listeners.areUp)
})

t.test('before they are made no listener is up', (t) => {
  const unused = (): never => {
    throw new Error('made')
  }
  const all = new Listeners({ api: unused, ops: unused, proxy: unused }, pino({ level: 'silent' }))
  t.notOk(all.apiIsOpen)
  t.notOk(all.areUp)
  t.equal(all.addresses, undefined)
  t.end()
})
