import t, { type Test } from 'tap'
import { configOf, type ProxyOptions, type StartedProxy, startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { closedPort, startRawUpstream } from './support/upstream.ts'

type Kind = 'none' | 'errors' | 'sampled' | 'all'

/** Answers with the status that the path names. */
async function scene(t: Test, log: Kind, more: Partial<ProxyOptions> = {}): Promise<StartedProxy> {
  const upstream = await startRawUpstream(t, (socket, head) => {
    const status = /^\S+ \/(\d{3})/.exec(head)?.[1]
    if (status !== undefined) socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 2\r\n\r\nok`)
  })
  return await startProxy(t, {
    upstream: upstream.origin,
    access: { log, path: true, sampleRate: 2 },
    ...more,
  })
}

async function ask(t: Test, { port, observed }: StartedProxy, target: string, headers = ''): Promise<number> {
  const before = observed.answers.length
  const { status } = await exchange(t, port, `GET ${target} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`)
  await observed.over(before + 1)
  return status
}

function proxied({ lines }: StartedProxy): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'proxied')
}

t.test('with "all" every request has its line, with what happened and who asked', async (t) => {
  const started = await scene(t, 'all')
  const client = await connectTo(t, started.port)
  client.send('POST /200/a HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nContent-Length: 3\r\n\r\nabc')
  await client.response()
  await started.observed.over(1)
  t.match(proxied(started), [
    {
      level: 30,
      method: 'POST',
      path: '/200/a',
      status: 200,
      received: 3,
      sent: 2,
      client: '127.0.0.1',
      requestId: 'mine',
      durationMs: 0,
    },
  ])
})

t.test('neither the query nor a header nor a cookie is ever in a line', async (t) => {
  const started = await scene(t, 'all')
  await ask(
    t,
    started,
    '/200?token=CANARY-query&x=/CANARY-path',
    'Authorization: Bearer CANARY-token\r\nCookie: s=CANARY-cookie\r\nX-Request-Id: CANARY id\r\nReferer: http://a/?CANARY-referer\r\n',
  )
  await ask(t, started, '/../?CANARY-refused')
  await exchange(t, started.port, 'GET /CANARY-broken HTTP/1.1\r\nHost: a\r\nX: a\0\r\n\r\n')
  t.equal(proxied(started).length, 3)
  t.notMatch(started.lines.join(''), 'CANARY')
})

t.test('with "errors" only our errors and those of the application have one', async (t) => {
  const started = await scene(t, 'errors')
  for (const path of ['/200', '/302', '/404', '/500', '/503']) await ask(t, started, path)
  t.same(
    proxied(started).map(({ path }) => path),
    ['/500', '/503'],
  )
  t.equal(await ask(t, started, '/a/..'), 400)
  t.match(proxied(started).at(-1), { status: 400, code: 'SIDEKEEP_BAD_REQUEST', path: '/a/..' })
})

t.test('an application that is not there is in the line by its code', async (t) => {
  const started = await scene(t, 'errors', { upstream: `http://127.0.0.1:${await closedPort()}` })
  await ask(t, started, '/200')
  t.match(proxied(started), [{ status: 502, code: 'SIDEKEEP_UPSTREAM_UNREACHABLE' }])
})

t.test(
  'with "sampled" errors and the rest have so many lines a second each, and omissions are counted',
  async (t) => {
    const started = await scene(t, 'sampled')
    for (let at = 0; at < 5; at += 1) await ask(t, started, '/200')
    for (let at = 0; at < 4; at += 1) await ask(t, started, '/500')
    t.same(
      proxied(started).map(({ status }) => status),
      [200, 200, 500, 500],
    )
    await started.clock.advance(1_000)
    await ask(t, started, '/200')
    await ask(t, started, '/500')
    t.match(proxied(started).slice(4), [
      { status: 200, omitted: 3 },
      { status: 500, omitted: 2 },
    ])
    await ask(t, started, '/200')
    t.equal(proxied(started).at(-1)?.omitted, undefined, 'they are told once')
  },
)

t.test('with "none" there is no line', async (t) => {
  const started = await scene(t, 'none')
  await ask(t, started, '/500')
  t.same(started.lines, [])
})

t.test('a client that leaves has a line with 499', async (t) => {
  const started = await scene(t, 'all')
  const client = await connectTo(t, started.port)
  client.send('GET /silent HTTP/1.1\r\nHost: a\r\n\r\n')
  while (started.observed.readGauges().inFlight === 0) await new Promise(setImmediate)
  client.socket.destroy()
  await started.observed.over(1)
  t.match(proxied(started), [{ status: 499, path: '/silent' }])
})

t.test('a path cannot break out of its line, nor make it long', async (t) => {
  const started = await scene(t, 'all')
  await ask(t, started, '/200/"},{"x":"\\u000a%0a%0d')
  await ask(t, started, `/200/${'x'.repeat(10_000)}`)
  t.equal(started.lines.length, 2)
  for (const line of started.lines) {
    t.equal(line.trimEnd().split('\n').length, 1)
    t.ok(line.length < 1_000)
    t.equal(JSON.parse(line).status, 200)
  }
  t.equal(JSON.parse(started.lines[0] ?? '').path, '/200/"},{"x":"\\u000a%0a%0d')
})

t.test('what is logged changes with the configuration', async (t) => {
  const started = await scene(t, 'none')
  await ask(t, started, '/200')
  const next = await started.proxy.prepare(
    configOf({ upstream: 'http://127.0.0.1:1', access: { log: 'all', path: false, sampleRate: 2 } }),
  )
  next.commit()
  await ask(t, started, '/200')
  t.equal(proxied(started).length, 1)
  t.notOk('path' in (proxied(started)[0] ?? {}), 'and paths are left out where they may hold secrets')
})

t.test('what is no request that could be read has a line too', async (t) => {
  const started = await scene(t, 'errors')
  await exchange(t, started.port, 'GET / HTTP/1.1\r\nHost: a\nCANARY-broken: a\r\n\r\n')
  t.match(proxied(started), [{ status: 400, code: 'SIDEKEEP_BAD_REQUEST', client: '127.0.0.1' }])
  t.notMatch(started.lines.join(''), 'CANARY')
})
