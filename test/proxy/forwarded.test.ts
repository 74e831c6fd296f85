/** What the application is told of the client, and that the client does not get to say it. */
import t, { type Test } from 'tap'
import { type ProxyOptions, startProxy } from './support/proxy.ts'
import { exchange } from './support/raw-client.ts'
import { type Echo, startEcho } from './support/upstream.ts'

/** @param peer the address that the connection seems to come from */
async function told(
  t: Test,
  headers: string,
  options: Partial<ProxyOptions> = {},
  peer?: string,
): Promise<Echo['headers']> {
  const { origin } = await startEcho(t)
  const { port, proxy } = await startProxy(t, { upstream: origin, ...options })
  if (peer !== undefined) {
    proxy.app.server.prependListener('connection', (socket) => {
      Object.defineProperty(socket, 'remoteAddress', { value: peer })
    })
  }
  const answer = await exchange(t, port, `GET / HTTP/1.1\r\n${headers}\r\n`)
  return (JSON.parse(answer.body) as Echo).headers
}

t.test('a client of IPv6 is told in brackets and quotes where RFC 7239 wants them', async (t) => {
  const headers = await told(t, 'Host: a\r\n', {}, '2001:db8::7')
  t.equal(headers['x-forwarded-for'], '2001:db8::7')
  t.equal(headers.forwarded, 'for="[2001:db8::7]";host=a;proto=http')
})

t.test('a client of IPv4 on a socket for both is told by its IPv4 address', async (t) => {
  const headers = await told(t, 'Host: a\r\n', {}, '::ffff:192.0.2.7')
  t.equal(headers['x-forwarded-for'], '192.0.2.7')
  t.equal(headers.forwarded, 'for=192.0.2.7;host=a;proto=http')
  const behind = await told(
    t,
    'Host: a\r\nX-Forwarded-For: 198.51.100.1\r\n',
    { trustedProxies: ['192.0.2.0/24'] },
    '::ffff:192.0.2.7',
  )
  t.equal(behind['x-forwarded-for'], '198.51.100.1, 192.0.2.7')
})

t.test('the zone of a link is nothing for the application', async (t) => {
  const headers = await told(t, 'Host: a\r\n', {}, 'fe80::1%eth0')
  t.equal(headers['x-forwarded-for'], 'fe80::1')
  t.equal(headers.forwarded, 'for="[fe80::1]";host=a;proto=http')
})

t.test('a Host with a port is told in quotes', async (t) => {
  const headers = await told(t, 'Host: a.example:8080\r\n')
  t.equal(headers['x-forwarded-host'], 'a.example:8080')
  t.equal(headers.forwarded, 'for=127.0.0.1;host="a.example:8080";proto=http')
})

t.test('what a trusted proxy calls the host cannot add to Forwarded', async (t) => {
  const headers = await told(t, 'Host: a\r\nX-Forwarded-Host: b";for=192.0.2.1, for="\\\r\n', {
    trustedProxies: ['127.0.0.1'],
  })
  t.equal(headers.forwarded, 'for=127.0.0.1;host="b\\";for=192.0.2.1, for=\\"\\\\";proto=http')
})

t.test('the client is the rightmost that no trusted proxy is, whatever stands before it', async (t) => {
  const trustedProxies = ['127.0.0.0/8', '10.0.0.0/8', '2001:db8:ffff::/48']
  for (const [list, client] of [
    ['203.0.113.9, 10.0.0.1', '203.0.113.9'],
    ['127.0.0.1, 198.51.100.1, 203.0.113.9, 10.0.0.1, 10.9.9.9', '203.0.113.9'],
    ['10.0.0.2, 10.0.0.1', '10.0.0.2'],
    ['203.0.113.9:4711, 10.0.0.1', '203.0.113.9'],
    ['[2001:db8::9]:4711, 2001:db8:ffff::1', '"[2001:db8::9]"'],
    ['203.0.113.9, unknown, 10.0.0.1', '10.0.0.1'],
    ['203.0.113.9, , 10.0.0.1', '10.0.0.1'],
    ['::ffff:203.0.113.9, 10.0.0.1', '203.0.113.9'],
    ['nonsense', '127.0.0.1'],
    ['', '127.0.0.1'],
  ] as const) {
    const headers = await told(t, `Host: a\r\nX-Forwarded-For: ${list}\r\n`, { trustedProxies })
    t.equal(headers.forwarded, `for=${client};host=a;proto=http`, list)
  }
})

t.test('several X-Forwarded-For of a trusted proxy are one list', async (t) => {
  const headers = await told(t, 'Host: a\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.0.0.1\r\n', {
    trustedProxies: ['127.0.0.1', '10.0.0.0/8'],
  })
  t.equal(headers['x-forwarded-for'], '203.0.113.9, 10.0.0.1, 127.0.0.1')
  t.equal(headers.forwarded, 'for=203.0.113.9;host=a;proto=http')
})

for (const [name, forged] of Object.entries({
  'in another case': 'x-FORWARDED-for: 192.0.2.1\r\n',
  twice: 'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n',
  'with underscores':
    'X_Forwarded_For: 192.0.2.1\r\nX-Forwarded_For: 192.0.2.1\r\nX_FORWARDED-FOR: 192.0.2.1\r\n',
  'by other names':
    'Forwarded: for=192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nX_Real_IP: 192.0.2.1\r\nX-Forwarded-Client: 192.0.2.1\r\n',
  'and named in Connection': 'Connection: X-Forwarded-For, Forwarded\r\nX-Forwarded-For: 192.0.2.1\r\n',
})) {
  t.test(`a client that is not trusted cannot name another address ${name}`, async (t) => {
    const headers = await told(t, `Host: a\r\n${forged}`)
    t.notMatch(JSON.stringify(headers), '192.0.2.')
    t.equal(headers['x-forwarded-for'], '127.0.0.1')
  })
}

t.test(
  'a trusted proxy cannot be made to forget the client by naming the header in Connection',
  async (t) => {
    const headers = await told(
      t,
      'Host: a\r\nConnection: X-Forwarded-For, X-Forwarded-Proto\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n',
      { trustedProxies: ['127.0.0.1'] },
    )
    t.equal(headers['x-forwarded-for'], '203.0.113.9, 127.0.0.1')
    t.equal(headers['x-forwarded-proto'], 'https')
  },
)
