import t from 'tap'
import { limitOf, startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { startEcho, startRawUpstream } from './support/upstream.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

function getAs(address: string, path = '/'): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\n\r\n`
}

t.test(
  'a request beyond the limit is 429 with a problem, the exact Retry-After and the limits',
  async (t) => {
    const { origin } = await startEcho(t)
    const { port, observed } = await startProxy(t, {
      upstream: origin,
      limits: [limitOf({ rate: 0.5, burst: 2 })],
    })
    const client = await connectTo(t, port)
    client.send(get)
    const first = await client.response()
    t.equal(first.status, 200)
    t.equal(first.header('ratelimit-policy'), '"per-client";q=2;w=4')
    t.equal(first.header('ratelimit'), '"per-client";r=1;t=2')
    client.send(get)
    t.equal((await client.response()).header('ratelimit'), '"per-client";r=0;t=4')
    client.send(get)
    const refused = await client.response()
    t.equal(refused.status, 429)
    t.equal(refused.header('content-type'), 'application/problem+json')
    t.equal(refused.header('sidekeep-error'), 'SIDEKEEP_RATE_LIMITED')
    t.equal(refused.header('retry-after'), '2')
    t.equal(refused.header('ratelimit-policy'), '"per-client";q=2;w=4')
    t.equal(refused.header('ratelimit'), '"per-client";r=0;t=2')
    t.match(refused.header('x-request-id'), /^[0-9a-f-]{36}$/)
    t.match(JSON.parse(refused.body), {
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      status: 429,
      code: 'SIDEKEEP_RATE_LIMITED',
      'violated-policies': ['per-client'],
    })
    t.same(observed.limits, [{ limit: 'per-client', mode: 'enforce' }])
  },
)

t.test('whoever comes back after Retry-After is let through, and not a moment before', async (t) => {
  const { origin } = await startEcho(t)
  const { port, clock } = await startProxy(t, { upstream: origin, limits: [limitOf({ rate: 0.5 })] })
  t.equal((await exchange(t, port, get)).status, 200)
  t.equal((await exchange(t, port, get)).header('retry-after'), '2')
  await clock.advance(1_999)
  const early = await exchange(t, port, get)
  t.equal(early.status, 429)
  t.equal(early.header('retry-after'), '1')
  await clock.advance(1)
  t.equal((await exchange(t, port, get)).status, 200)
})

t.test(
  'a limit in shadow mode counts and lets everything through, without a word to the client',
  async (t) => {
    const { origin } = await startEcho(t)
    const { port, observed } = await startProxy(t, {
      upstream: origin,
      limits: [limitOf({ mode: 'shadow' })],
    })
    for (let request = 0; request < 3; request++) {
      const answer = await exchange(t, port, get)
      t.equal(answer.status, 200)
      t.equal(answer.header('ratelimit'), undefined)
      t.equal(answer.header('ratelimit-policy'), undefined)
    }
    t.same(observed.limits, [
      { limit: 'per-client', mode: 'shadow' },
      { limit: 'per-client', mode: 'shadow' },
    ])
  },
)

t.test('exempt paths are neither counted nor limited, however they are asked', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, {
    upstream: origin,
    limits: [limitOf()],
    exempt: ['/healthz', '/static/*'],
  })
  for (const path of ['/healthz', '/healthz?verbose', '/static/', '/static/a/b.css']) {
    const answer = await exchange(t, port, getAs('', path))
    t.equal(answer.status, 200)
    t.equal(answer.header('ratelimit'), undefined)
  }
  t.equal((await exchange(t, port, getAs('', '/healthz/'))).status, 200, 'this one is counted')
  for (const path of ['/healthz/x', '/Healthz', '/%68ealthz', '/static', '/']) {
    t.equal((await exchange(t, port, getAs('', path))).status, 429, path)
  }
  t.equal((await exchange(t, port, getAs('', '/static/../'))).status, 400)
})

t.test('a request must pass all limits, and one that is refused costs nothing anywhere', async (t) => {
  const { origin } = await startEcho(t)
  const { port, clock } = await startProxy(t, {
    upstream: origin,
    trustedProxies: ['127.0.0.1'],
    limits: [
      limitOf({ name: 'global', key: [{ by: 'none' }], rate: 0.1, burst: 3 }),
      limitOf({ name: 'per-client', rate: 0.2, burst: 1 }),
    ],
  })
  t.equal((await exchange(t, port, getAs('192.0.2.1'))).status, 200)
  for (let attack = 0; attack < 10; attack++) {
    const refused = await exchange(t, port, getAs('192.0.2.1'))
    t.equal(refused.header('retry-after'), '5')
    t.equal(refused.header('ratelimit'), '"global";r=2;t=20, "per-client";r=0;t=5')
    t.same(JSON.parse(refused.body)['violated-policies'], ['per-client'])
  }
  t.equal((await exchange(t, port, getAs('192.0.2.2'))).status, 200, 'others still have their part')
  t.equal((await exchange(t, port, getAs('192.0.2.3'))).status, 200)
  const refused = await exchange(t, port, getAs('192.0.2.3'))
  t.equal(refused.header('retry-after'), '10', 'the strictest limit answers')
  t.same(JSON.parse(refused.body)['violated-policies'], ['global', 'per-client'])
  await clock.advance(10_000)
  t.equal((await exchange(t, port, getAs('192.0.2.3'))).status, 200)
})

t.test('a limit by header counts each value, and together all requests without the header', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, {
    upstream: origin,
    limits: [limitOf({ key: [{ by: 'header', name: 'x-api-key' }] })],
  })
  const withKey = (key: string) => `GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${key}\r\n\r\n`
  t.equal((await exchange(t, port, withKey('CANARY-key-1'))).status, 200)
  t.equal((await exchange(t, port, withKey('CANARY-key-1'))).status, 429)
  t.equal((await exchange(t, port, withKey('CANARY-key-2'))).status, 200)
  t.equal((await exchange(t, port, get)).status, 200)
  t.equal((await exchange(t, port, get)).status, 429)
})

t.test(
  'the same client cannot appear as many by its own X-Forwarded-For or its IPv6 addresses',
  async (t) => {
    const { origin } = await startEcho(t)
    const untrusting = await startProxy(t, { upstream: origin, limits: [limitOf()] })
    t.equal((await exchange(t, untrusting.port, getAs('192.0.2.1'))).status, 200)
    t.equal((await exchange(t, untrusting.port, getAs('192.0.2.2'))).status, 429)
    const trusting = await startProxy(t, {
      upstream: origin,
      trustedProxies: ['127.0.0.0/8'],
      limits: [limitOf()],
    })
    t.equal((await exchange(t, trusting.port, getAs('1.1.1.1, 192.0.2.1'))).status, 200)
    t.equal((await exchange(t, trusting.port, getAs('2.2.2.2, 192.0.2.1'))).status, 429)
    t.equal((await exchange(t, trusting.port, getAs('2001:db8::1'))).status, 200)
    t.equal((await exchange(t, trusting.port, getAs('2001:db8::2:0:0:1'))).status, 429)
    t.equal((await exchange(t, trusting.port, getAs('2001:db8:0:1::1'))).status, 200)
  },
)

t.test("limits of the application's own stand beside ours", async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nRateLimit: "app";r=7\r\nContent-Length: 0\r\n\r\n'),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin, limits: [limitOf({ burst: 5 })] })
  t.equal((await exchange(t, port, get)).header('ratelimit'), '"app";r=7, "per-client";r=4;t=1')
})

t.test('a client that waits for 100 is refused without it, and the connection ends', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin, limits: [limitOf()] })
  const client = await connectTo(t, port)
  client.send(get)
  await client.response()
  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  const refused = await client.response()
  t.equal(refused.status, 429)
  t.equal(refused.header('connection'), 'close')
  t.equal(await client.ended, 'end')
})

t.test('a refused request with a body leaves the connection good for the next one', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin, limits: [limitOf()] })
  const client = await connectTo(t, port)
  client.send(get)
  await client.response()
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf')
  t.equal((await client.response()).status, 429)
  client.send(`rest${get}`)
  t.equal((await client.response()).status, 429)
})
