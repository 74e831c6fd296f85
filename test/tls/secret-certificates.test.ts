/** Certificates in secrets: when they are there, and how they are taken over when they rotate. */
import t from 'tap'
import type { TlsPlaces } from '../../src/tls/place.ts'
import { createAuthority } from '../support/certificates.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { type Rig, rigOf } from './rig.ts'
import { asFields, CertificateFiles, HeldSecrets, inOneSecret } from './support.ts'

const { ca, issue } = createAuthority()
const name = 'shared/tls'
const inTwoSecrets: TlsPlaces = { cert: { secret: 'cert' }, key: { secret: 'key' } }
const taken = ['applied', 'the certificate was taken over']
const stays = ['failed', 'the certificate is not taken over: the former one stays']
const closed = ['failed', 'the listener stays closed until its certificate is fit']

/** Until the first look has found something unfit. */
async function patience({ clock }: Rig): Promise<void> {
  await eventually('the wait for the second look', () => (clock.next ?? Infinity) <= 2_000)
}

t.test('before its secret is held there is nothing to serve with, and that is no fault', async (t) => {
  const secrets = new HeldSecrets()
  const { certificates, serial, story, expiries } = await rigOf(t, inOneSecret, { ca, secrets })
  await t.rejects(serial())
  secrets.set(name, asFields(issue()))
  t.ok(await certificates.fit())
  t.ok(await serial())
  t.strictSame(story, ['handshake failed'], 'who asked for it need not be told')
  t.ok((expiries.get('127.0.0.1:0') ?? 0) > Date.now())
})

t.test('what is unfit when it is to be served is told once, and fits as soon as it rotates', async (t) => {
  const secrets = new HeldSecrets()
  const rig = await rigOf(t, inOneSecret, { ca, secrets })
  const { certificates, look, story, serial } = rig
  secrets.set(name, asFields({ ...issue(), key: issue().key }))
  t.notOk(await certificates.fit(), 'at once, without a wait for what may come')
  await patience(rig)
  t.strictSame(story, [], 'its key may be on its way')
  await look()
  await look()
  t.strictSame(story, closed)
  t.notOk(await certificates.fit())
  secrets.set(name, asFields(issue()))
  await look()
  t.strictSame(story.slice(2), ['fit', ...taken])
  t.ok(await certificates.fit())
  t.ok(await serial())
})

t.test('a rotation of both is taken at once, and no more than once', async (t) => {
  const secrets = new HeldSecrets()
  secrets.set(name, asFields(issue()))
  const { certificates, serial, story, clock } = await rigOf(t, inOneSecret, { ca, secrets })
  t.equal(secrets.watchers(name), 1, 'one watch for two fields')
  const before = await serial()
  secrets.set(name, asFields(issue()))
  await eventually('the certificate to be taken over', () => story.length > 0)
  t.equal(clock.pending, 0, 'nothing was waited for')
  t.not(await serial(), before)
  await certificates.look()
  t.strictSame(story, taken)
})

t.test('certificate and key of two secrets may arrive one after the other', async (t) => {
  const secrets = new HeldSecrets()
  const [former, next] = [issue(), issue()]
  secrets.set('cert', former.cert)
  secrets.set('key', former.key)
  const rig = await rigOf(t, inTwoSecrets, { ca, secrets })
  const before = await rig.serial()
  secrets.set('cert', next.cert)
  await patience(rig)
  t.equal(await rig.serial(), before)
  secrets.set('key', next.key)
  await rig.clock.advance(2_000)
  await eventually('the certificate to be taken over', () => rig.story.length > 0)
  t.strictSame(rig.story, taken)
  t.not(await rig.serial(), before)
})

t.test(
  'a rotation to what is unfit, or the end of the secret, changes nothing and is told once',
  async (t) => {
    const secrets = new HeldSecrets()
    secrets.set(name, asFields(issue()))
    const { serial, look, story } = await rigOf(t, inOneSecret, { ca, secrets })
    const before = await serial()
    secrets.set(name, asFields({ ...issue(), cert: 'CANARY-no-certificate' }))
    await look()
    await look()
    t.strictSame(story, stays)
    secrets.set(name, undefined)
    await look()
    await look()
    t.strictSame(story, [...stays, ...stays])
    t.equal(await serial(), before)
  },
)

t.test(
  'another place whose secret is not held yet is waited for, and the former one is served on',
  async (t) => {
    const secrets = new HeldSecrets()
    secrets.set(name, asFields(issue()))
    const { certificates, serial, look, story } = await rigOf(t, inOneSecret, { ca, secrets })
    const before = await serial()
    const prepared = await certificates.prepare(inTwoSecrets)
    prepared.commit()
    await look()
    t.equal(await serial(), before)
    t.equal(secrets.watchers(name), 0, 'what is named no more is not watched any more')
    const next = issue()
    secrets.set('cert', next.cert)
    secrets.set('key', next.key)
    await look()
    t.not(await serial(), before)
    t.strictSame(story, [...stays, ...taken])
  },
)

t.test('another place is refused where it is unfit; the same one hinders no other change', async (t) => {
  const secrets = new HeldSecrets()
  const rig = await rigOf(t, inOneSecret, { ca, secrets })
  const { certificates, look, story } = rig
  secrets.set(name, asFields({ ...issue(), key: issue().key }))
  await certificates.fit()
  await patience(rig)
  const same = await certificates.prepare(structuredClone(inOneSecret))
  same.commit()
  await look()
  t.strictSame(story, closed, 'the change in between did not swallow what is wrong')
  const again = await certificates.prepare(inOneSecret)
  again.commit()
  await look()
  t.strictSame(story, closed, 'nor has it told of it again')
  secrets.set('cert', 'CANARY-no-certificate')
  secrets.set('key', issue().key)
  await t.rejects(certificates.prepare(inTwoSecrets), { code: 'SIDEKEEP_CERTIFICATE_INVALID' })
  const { files } = new CertificateFiles(t, issue())
  const prepared = await certificates.prepare(files)
  prepared.commit()
  t.strictSame(story, [...closed, 'fit'], 'a change of the configuration can be the remedy')
})

t.test('when it is closed nothing is watched, and what was waited for fits nobody', async (t) => {
  const secrets = new HeldSecrets()
  const rig = await rigOf(t, inOneSecret, { ca, secrets })
  t.notOk(await rig.certificates.fit())
  await patience(rig)
  rig.certificates.close()
  t.equal(secrets.watchers(name), 0)
  secrets.set(name, asFields(issue()))
  await rig.certificates.look()
  t.strictSame(rig.story, [])
  t.equal(rig.clock.pending, 0)
})
