import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect } from 'node:tls'
import t from 'tap'
import { createAuthority } from '../support/certificates.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { askSecurely } from '../support/e2e-https.ts'
import { rigOf } from './rig.ts'
import { CertificateFiles } from './support.ts'

const authority = createAuthority()
const [ca, issue] = [authority.ca, authority.issue]

t.test('another certificate is met by newcomers, and who is connected stays', async (t) => {
  const files = new CertificateFiles(t, issue())
  const { port, serial, look, story, expiries } = await rigOf(t, files.files, { ca })
  const connected = connect({ port, host: '127.0.0.1', ca })
  await once(connected, 'secureConnect')
  const before = await serial()
  await look()
  t.strictSame(story, [], 'the same files are no news')
  files.write(issue())
  await look()
  t.not(await serial(), before)
  t.strictSame(story, ['applied', 'the certificate was taken over'])
  t.ok((expiries.get('127.0.0.1:0') ?? 0) > Date.now())
  connected.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  const [first] = await once(connected, 'data')
  t.match(String(first), 'HTTP/1.1 200')
  connected.destroy()
})

t.test('files that are unfit change nothing, are told once, and are looked at again', async (t) => {
  const files = new CertificateFiles(t, issue())
  const { serial, look, story } = await rigOf(t, files.files, { ca })
  const before = await serial()
  const next = issue()
  files.write({ key: next.key })
  await look()
  await look()
  t.strictSame(story, ['failed', 'the certificate is not taken over: the former one stays'])
  t.equal(await serial(), before)
  files.write({ cert: next.cert })
  await look()
  t.strictSame(story.slice(2), ['applied', 'the certificate was taken over'])
  t.not(await serial(), before)
})

t.test('a pair of which one file was written first is taken when the other one is there', async (t) => {
  const files = new CertificateFiles(t, issue())
  const { serial, certificates, clock, story } = await rigOf(t, files.files, { ca })
  const before = await serial()
  const next = issue()
  files.write({ cert: next.cert })
  const looking = certificates.look()
  await eventually('the wait for the second look', () => (clock.next ?? Infinity) <= 2_000)
  files.write({ key: next.key })
  await clock.advance(2_000)
  await looking
  t.strictSame(story, ['applied', 'the certificate was taken over'])
  t.not(await serial(), before)
})

t.test('a change that somebody else reports is noticed', async (t) => {
  const files = new CertificateFiles(t, issue())
  const { clock, story } = await rigOf(t, files.files, { ca })
  files.write(issue())
  await eventually('the certificate to be taken over', async () => {
    await clock.advance(10_000)
    return story.includes('applied')
  })
})

t.test('where clients need a certificate nobody else gets as far as a request', async (t) => {
  const clients = createAuthority('Of the clients')
  const files = new CertificateFiles(t, issue())
  const { address, story, look } = await rigOf(t, files.mutual(clients.ca), { ca })
  t.equal((await askSecurely(address, '/', { ca, ...clients.issue() })).text, 'here')
  await t.rejects(askSecurely(address, '/', { ca }))
  await t.rejects(askSecurely(address, '/', { ca, ...issue() }), 'of another authority')
  await t.rejects(askSecurely(address, '/', { ca, ...clients.issue({ expired: true }) }))
  await eventually(
    'all to be counted',
    () => story.filter((line) => line === 'handshake failed').length === 3,
  )

  const others = createAuthority('Of other clients')
  files.mutual(others.ca)
  await look()
  t.equal((await askSecurely(address, '/', { ca, ...others.issue() })).text, 'here')
  await t.rejects(askSecurely(address, '/', { ca, ...clients.issue() }), 'authorities change like the rest')
})

t.test('TLS before 1.2, other protocols and plain HTTP are refused and counted', async (t) => {
  const { address, port, story } = await rigOf(t, new CertificateFiles(t, issue()).files, { ca })
  await t.rejects(askSecurely(address, '/', { ca, maxVersion: 'TLSv1.1' }))
  const modern = connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] })
  const [error] = await once(modern, 'error').catch((error: unknown) => [error])
  t.match(error, { code: /ALERT|PROTOCOL/ })
  const plain = connectPlain(port, '127.0.0.1')
  plain.on('error', () => {})
  plain.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  let received = ''
  plain.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  await once(plain, 'close')
  t.notMatch(received, 'here')
  await eventually(
    'all to be counted',
    () => story.filter((line) => line === 'handshake failed').length === 3,
  )
  t.equal((await askSecurely(address, '/', { ca })).text, 'here')
})

t.test('the files that another configuration names are taken in one step, or not at all', async (t) => {
  const { certificates, serial, story } = await rigOf(t, new CertificateFiles(t, issue()).files, { ca })
  const before = await serial()
  const other = new CertificateFiles(t, issue())
  const given = await certificates.prepare(other.files)
  await given.abandon()
  t.equal(await serial(), before)
  const prepared = await certificates.prepare(other.files)
  t.equal(await serial(), before, 'not before it is committed')
  prepared.commit()
  t.not(await serial(), before)
  t.strictSame(story, [])
  await t.rejects(certificates.prepare({ ...other.files, key: '/nowhere' }), {
    code: 'SIDEKEEP_CERTIFICATE_INVALID',
  })
})

t.test(
  'what went wrong before another configuration is told again when it goes wrong after it',
  async (t) => {
    const files = new CertificateFiles(t, issue())
    const { certificates, story, look } = await rigOf(t, files.files, { ca })
    files.write({ key: 'unfit' })
    await look()
    await look()
    const failure = ['failed', 'the certificate is not taken over: the former one stays']
    t.strictSame(story, failure, 'once')
    files.write(issue())
    const prepared = await certificates.prepare(files.files)
    prepared.commit()
    files.write({ key: 'unfit' })
    await look()
    t.strictSame(story, [...failure, ...failure])
  },
)

t.test('when it is closed no timer is left, and its expiry is nobody’s any more', async (t) => {
  const files = new CertificateFiles(t, issue())
  const { certificates, clock, expiries } = await rigOf(t, files.files, { ca })
  files.write({ key: 'unfit' })
  const looking = certificates.look()
  await eventually('the wait for the second look', () => (clock.next ?? Infinity) <= 2_000)
  certificates.close()
  await looking
  t.equal(clock.pending, 0)
  t.equal(expiries.get('127.0.0.1:0'), undefined)
})
