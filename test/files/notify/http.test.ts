import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { noAnswer } from '../../../src/files/notify/http-failure.ts'
import { eventually, inTime } from '../../support/e2e-eventually.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'
import { application, world } from './support.ts'

t.test('a POST says which file has changed, and which names', async (t) => {
  const app = await application(t)
  const { notifier, told } = world(t, [{ http: { url: `${app.url}/-/reload?token=CANARY-query` } }])
  notifier.changed(['db/password', 'api-key'])
  t.strictSame(await told(0), {
    path: '/shared/app.json',
    kind: 'http',
    index: 0,
    outcome: 'ok',
    attempt: 1,
    changed: ['db/password', 'api-key'],
  })
  const [request] = app.received
  t.match(request, { method: 'POST', url: '/-/reload?token=CANARY-query' })
  t.match(request?.headers, {
    'user-agent': 'sidekeep',
    'content-type': 'application/json',
    connection: 'close',
  })
  t.strictSame(JSON.parse(request?.body ?? ''), {
    path: '/shared/app.json',
    changed: ['db/password', 'api-key'],
  })
  await eventually('the connection is not kept', async () => (await app.connections()) === 0)
})

t.test('a GET has no body, and a PUT has one', async (t) => {
  const app = await application(t)
  const both = ['GET', 'PUT'].map((method) => ({ http: { url: app.url, method } }))
  const { notifier, told } = world(t, both)
  notifier.changed(['a'])
  await Promise.all([told(0), told(1)])
  const bodies = new Map(app.received.map(({ method, body }) => [method, body]))
  t.equal(bodies.get('GET'), '')
  t.match(bodies.get('PUT'), /"changed":\["a"\]/)
})

t.test('headers are read again for each request, and one that is missing is a failed attempt', async (t) => {
  const app = await application(t)
  const file = join(t.testdir({}), 'token')
  const { notifier, told } = world(t, [
    { http: { url: app.url, headers: { Authorization: { file }, 'User-Agent': 'ours' } } },
  ])
  notifier.changed(['a'])
  const first = await told(0)
  t.match(first, { outcome: 'failed', error: { name: 'NotifyError', reason: 'credential' } })
  t.match(first.error?.message, `http.headers.Authorization: file ${file} cannot be read (ENOENT)`)
  t.equal(app.received.length, 0)
  for (const [index, value] of ['Bearer CANARY-1', 'Bearer CANARY-2'].entries()) {
    writeFileSync(file, `${value}\n`)
    notifier.changed(['b'])
    t.match(await told(index + 1), { outcome: 'ok' })
    t.match(app.received[index]?.headers, { authorization: value, 'user-agent': 'ours' })
  }
})

t.test('any status but 2xx is a failure that says what to do, and no redirect is followed', async (t) => {
  const elsewhere = await application(t)
  const rows: [number, RegExp][] = [
    [301, /Redirects are not followed/],
    [401, /http\.headers/],
    [403, /http\.headers/],
    [404, /http\.url/],
    [405, /http\.method/],
    [500, /log of the application/],
  ]
  for (const [status, remedy] of rows) {
    const app = await application(t, (reply) =>
      reply.writeHead(status, { location: elsewhere.url }).end('CANARY-body'),
    )
    const url = `${app.url}/CANARY-path?CANARY-query`
    const { notifier, told } = world(t, [{ http: { url, headers: { 'x-key': 'CANARY-header' } } }])
    notifier.changed(['a'])
    const { outcome, error, nextTryMs } = await told(0)
    t.equal(outcome, 'failed', `${status} is tried again`)
    t.equal(nextTryMs, 500)
    t.equal(error?.message, `POST ${app.url}: answered with the status ${status}`)
    t.match(error?.remedy, remedy)
    t.notMatch(`${error?.stack}${error?.remedy}${JSON.stringify(error)}`, 'CANARY')
    await notifier.close()
  }
  t.equal(elsewhere.received.length, 0)
})

t.test('the body of an answer is not waited for beyond 64 KiB, and its status counts', async (t) => {
  const endless = await application(t, (reply) => {
    reply.writeHead(200)
    const write = (): void => {
      while (!reply.destroyed && reply.write(Buffer.alloc(16_384)));
    }
    reply.on('drain', write)
    write()
  })
  // Whose time stands still: no deadline ends it.
  const { notifier, told } = world(t, [{ http: { url: endless.url } }], { clock: new VirtualClock() })
  notifier.changed(['a'])
  t.match(await inTime('it is told', told(0)), { outcome: 'ok' })
})

t.test('nobody there, an answer that is no HTTP, and one that does not come', async (t) => {
  const sockets = new Set<{ destroy(): void }>()
  const listen = async (greeting: string | undefined): Promise<number> => {
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      if (greeting !== undefined) socket.end(greeting)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return (server.address() as { port: number }).port
  }
  const closed = await application(t)
  const other = await listen('CANARY is no HTTP\r\n\r\n')
  const nobody = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
  t.ok(closed.url)
  for (const [port, reason] of [
    [nobody, 'refused'],
    [other, 'io'],
  ] as const) {
    const { notifier, told } = world(t, [{ http: { url: `http://127.0.0.1:${port}` } }])
    notifier.changed(['a'])
    const { error } = await told(0)
    t.match(error, { reason })
    t.notMatch(`${error?.stack}`, 'CANARY')
    await notifier.close()
  }

  const clock = new VirtualClock()
  const silent = await listen(undefined)
  const before = sockets.size
  const { notifier, told } = world(t, [{ http: { url: `http://127.0.0.1:${silent}` }, timeout: '2s' }], {
    clock,
  })
  notifier.changed(['a'])
  await eventually('it is asked', () => sockets.size > before)
  await clock.advance(2000)
  t.match(await told(0), { outcome: 'failed', error: { reason: 'timeout' } })
})

t.test('one that hangs delays no other, and closing ends it', async (t) => {
  const hanging = await application(t, () => {})
  const app = await application(t)
  const clock = new VirtualClock()
  const { notifier, told, events } = world(t, [{ http: { url: hanging.url } }, { http: { url: app.url } }], {
    clock,
  })
  notifier.changed(['a'])
  t.match(await told(0), { index: 1, outcome: 'ok' })
  notifier.changed(['b'])
  t.match(await told(1), { index: 1, outcome: 'ok' })
  t.strictSame(notifier.untold, ['a', 'b'], 'the first knows of neither')
  await eventually('it is asked', () => hanging.received.length === 1)
  await notifier.close()
  await settle()
  t.equal(clock.pending, 0)
  t.equal(events.length, 2, 'what was ended is no failure')
  t.strictSame(notifier.untold, ['a', 'b'])
  notifier.changed(['c'])
  t.equal(hanging.received.length, 1)
})

t.test('of a transport’s error nothing is told but its code', (t) => {
  for (const code of ['ECONNREFUSED', 'ETIMEDOUT', 'CERT_HAS_EXPIRED', 'HPE_INVALID_CONSTANT', undefined]) {
    const error = Object.assign(new Error('CANARY-bytes'), { code, data: 'CANARY-bytes' })
    const told = noAnswer('POST http://127.0.0.1:1', error)
    t.notMatch(inspect(told), 'CANARY')
    t.equal(told.message, `POST http://127.0.0.1:1: no answer (${code ?? 'unknown error'})`)
  }
  t.end()
})
