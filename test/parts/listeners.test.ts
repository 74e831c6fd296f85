import { connect } from 'node:net'
import Fastify from 'fastify'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Config } from '../../src/config/schema.ts'
import type { Served } from '../../src/parts/listener.ts'
import { Listeners, type ServedProxy } from '../../src/parts/listeners.ts'
import { parse } from '../config/helpers.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { takenPort } from '../support/e2e-taken-port.ts'

type Options = Readonly<Record<string, string>>

/** A configuration with these listeners at these addresses. */
async function configOf(listeners: Options): Promise<Config> {
  const sections = Object.entries({ api: '127.0.0.1:0', ...listeners }).map(([name, listen]) => {
    const upstream = name === 'proxy' ? ', upstream: "http://127.0.0.1:1"' : ''
    return `${name}: { listen: "${listen}"${upstream} }`
  })
  return (await parse(`${sections.join('\n')}\nproviders: {}\n`)).config
}

interface Rig {
  readonly listeners: Listeners
  /** What was done to servers, in order. */
  readonly story: string[]
  prepare(listeners: Options, opensProxy?: boolean): ReturnType<Listeners['prepare']>
}

async function rigOf(t: Test, listeners: Options): Promise<Rig> {
  const story: string[] = []
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
    prepare: () => {
      story.push('prepare')
      return {
        commit: () => story.push('commit'),
        abandon: async () => void story.push('abandon'),
      }
    },
  })
  const config = await configOf(listeners)
  const make = { api: () => serve('api'), ops: () => serve('ops'), proxy: async () => proxy() }
  const all = new Listeners(config, config.proxy && proxy(), make, pino({ level: 'silent' }))
  await all.open()
  await all.openProxy()
  t.teardown(async () => {
    await Promise.all([all.closeProxy(0), all.closeApi(), all.closeOps(), all.left()])
  })
  return {
    listeners: all,
    story,
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
  t.strictSame(story, [])
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
  t.strictSame(story, ['close proxy 3', 'close ops 2'])
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
