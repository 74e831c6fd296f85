import t from 'tap'
import { addressKey, ClientAddresses } from '../../src/proxy/client-address.ts'

const addresses = new ClientAddresses(['10.0.0.0/8', '192.0.2.7', '2001:db8:ffff::/48'])

t.test('X-Forwarded-For of a peer that is not trusted is ignored', async (t) => {
  t.same(addresses.find('198.51.100.1', '203.0.113.1'), {
    address: '198.51.100.1',
    isForwarded: false,
    key: '198.51.100.1',
  })
  t.same(addresses.find('192.0.2.8', '203.0.113.1'), {
    address: '192.0.2.8',
    isForwarded: false,
    key: '192.0.2.8',
  })
})

t.test('behind trusted proxies the client is the rightmost address that is not one of them', async (t) => {
  const client = (forwardedFor: string, peer = '10.0.0.1') => addresses.find(peer, forwardedFor).address
  t.equal(client('203.0.113.1'), '203.0.113.1')
  t.equal(client('1.1.1.1, 203.0.113.1, 10.9.9.9'), '203.0.113.1')
  t.equal(client('203.0.113.1', '192.0.2.7'), '203.0.113.1')
  t.equal(client('203.0.113.1', '2001:db8:ffff::1'), '203.0.113.1')
  t.equal(client('203.0.113.1', '::ffff:10.0.0.1'), '203.0.113.1', 'a peer on a listener of both families')
  t.equal(client('10.1.1.1, 10.2.2.2'), '10.1.1.1', 'where all are trusted, the one farthest away')
  t.equal(client(''), '10.0.0.1')
})

t.test('what is no address ends the search at the last one that is', async (t) => {
  const client = (forwardedFor: string) => addresses.find('10.0.0.1', forwardedFor).address
  t.equal(client('203.0.113.1, unknown, 10.2.2.2'), '10.2.2.2')
  t.equal(client('203.0.113.1, '), '10.0.0.1')
  t.equal(client('999.1.1.1:80'), '10.0.0.1')
})

t.test('ports, brackets and zones are not part of an address', async (t) => {
  const client = (forwardedFor: string) => addresses.find('10.0.0.1', forwardedFor).address
  t.equal(client('203.0.113.1:4711'), '203.0.113.1')
  t.equal(client('[2001:db8::1]:4711'), '2001:db8::1')
  t.equal(client('[2001:db8::1]'), '2001:db8::1')
  t.equal(client('fe80::1%eth0'), 'fe80::1')
})

t.test('on a Unix socket nobody knows the client', async (t) => {
  t.same(addresses.find(undefined, '203.0.113.1'), { address: undefined, isForwarded: false, key: '' })
  t.equal(addressKey(undefined), '')
})

t.test('IPv6 clients are counted by /64, in whatever form their address is written', async (t) => {
  const key = '2001:db8:1:2::/64'
  for (const address of [
    '2001:db8:1:2::1',
    '2001:DB8:1:2:3:4:5:6',
    '2001:0db8:0001:0002:0:0:0:0',
    '2001:db8:1:2::',
  ]) {
    t.equal(addressKey(address), key, address)
  }
  t.equal(addressKey('::1'), '0:0:0:0::/64')
  t.equal(addressKey('2001:db8::1'), '2001:db8:0:0::/64')
  t.equal(addressKey('64:ff9b::192.0.2.1'), '64:ff9b:0:0::/64')
  t.equal(addressKey('192.0.2.1'), '192.0.2.1')
})

t.test('an IPv4 address that is mapped into IPv6 is the IPv4 address, however it is written', async (t) => {
  for (const written of ['::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:c000:0201'])
    t.match(addresses.find(written, undefined), { address: '192.0.2.1', key: '192.0.2.1' }, written)
})
