import t from 'tap'
import { formatListen, isLoopback, type Listen, overlaps, parseListen } from '../../src/config/listen.ts'
import fc from '../support/property.ts'

function listen(text: string): Listen {
  const parsed = parseListen(text)
  if ('error' in parsed) throw new Error(`${text} was refused: ${parsed.error}`)
  return parsed
}

function error(text: string): string {
  const parsed = parseListen(text)
  return 'error' in parsed ? parsed.error : 'accepted'
}

t.test('an address and a port, or the path of a socket', async (t) => {
  t.strictSame(listen('127.0.0.1:7575'), { kind: 'tcp', host: '127.0.0.1', port: 7575 })
  t.strictSame(listen('[::1]:7575'), { kind: 'tcp', host: '::1', port: 7575 })
  t.strictSame(listen('0.0.0.0:0'), { kind: 'tcp', host: '0.0.0.0', port: 0 })
  t.strictSame(listen('unix:/run/sidekeep/api.sock'), { kind: 'unix', path: '/run/sidekeep/api.sock' })
})

t.test('spellings of one address become one', async (t) => {
  t.strictSame(listen('[0:0:0:0:0:0:0:1]:1'), listen('[::1]:1'))
  t.strictSame(listen('[2001:DB8::1]:1'), listen('[2001:db8:0::1]:1'))
  t.strictSame(listen('unix:/run//x/../api.sock'), listen('unix:/run/api.sock'))
})

t.test('a port without an address is refused, with the address to write', async (t) => {
  t.match(error(':7575'), 'an address before the port, such as 127.0.0.1:7575')
  t.match(error('7575'), '127.0.0.1:7575')
})

t.test('the name localhost is refused, with the addresses to write', async (t) => {
  t.match(error('localhost:7575'), '127.0.0.1:7575 or [::1]:7575')
})

t.test('other near-misses are refused with what to write', async (t) => {
  t.match(error('*:80'), '0.0.0.0:80')
  t.match(error('::1:80'), '[::1]:80')
  t.match(error('127.0.0.1:65536'), 'a port between 0 and 65535')
  t.match(error('127.0.0.1:'), 'a port between')
  t.match(error('unix:api.sock'), 'an absolute path')
  t.match(error('unix:/'), 'an absolute path')
  t.match(error(`unix:/${'x'.repeat(103)}`), 'at most 103 bytes')
})

t.test('what is no address at all is refused', async (t) => {
  for (const text of [
    '',
    ':',
    'example.com:80',
    '127.1:80',
    '[fe80::1%eth0]:80',
    '[127.0.0.1]:80',
    '1.2.3.4',
    'unix:',
  ]) {
    t.not(error(text), 'accepted', JSON.stringify(text))
  }
})

t.test('loopback is 127.0.0.0/8, ::1 and every Unix socket', async (t) => {
  for (const text of ['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', '[::ffff:127.0.0.1]:1', 'unix:/x']) {
    t.ok(isLoopback(listen(text)), text)
  }
  for (const text of ['0.0.0.0:1', '[::]:1', '10.0.0.1:1', '128.0.0.1:1', '[::2]:1', '[::ffff:10.0.0.1]:1']) {
    t.notOk(isLoopback(listen(text)), text)
  }
})

t.test('listeners overlap on one address and port, and on every address', async (t) => {
  const pairs: [string, string, boolean][] = [
    ['127.0.0.1:1', '127.0.0.1:1', true],
    ['127.0.0.1:1', '127.0.0.1:2', false],
    ['127.0.0.1:1', '127.0.0.2:1', false],
    ['127.0.0.1:1', '0.0.0.0:1', true],
    ['[::1]:1', '[::]:1', true],
    ['127.0.0.1:1', '[::]:1', true],
    ['127.0.0.1:0', '127.0.0.1:0', false],
    ['unix:/a', 'unix:/a', true],
    ['unix:/a', 'unix:/b', false],
    ['unix:/a', '127.0.0.1:1', false],
  ]
  for (const [a, b, expected] of pairs) {
    t.equal(overlaps(listen(a), listen(b)), expected, `${a} and ${b}`)
    t.equal(overlaps(listen(b), listen(a)), expected, `${b} and ${a}`)
  }
})

t.test('whatever is accepted is written and read back as the same', async (t) => {
  const port = fc.integer({ min: 0, max: 65_535 })
  const text = fc.oneof(
    fc.tuple(fc.ipV4(), port).map(([host, number]) => `${host}:${number}`),
    fc.tuple(fc.ipV6(), port).map(([host, number]) => `[${host}]:${number}`),
    fc.string().map((path) => `unix:/${path}`),
    fc.string(),
  )
  fc.assert(
    fc.property(text, (written) => {
      const parsed = parseListen(written)
      if ('error' in parsed) return parsed.error !== ''
      return t.strictSame(listen(formatListen(parsed)), parsed, written)
    }),
  )
})
