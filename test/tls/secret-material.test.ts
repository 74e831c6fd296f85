/** Certificates in secrets: what is read, and how it is told where they are unfit. */
import t, { type Test } from 'tap'
import { NotHeld, readMaterial } from '../../src/tls/material.ts'
import type { TlsPlaces } from '../../src/tls/place.ts'
import { createAuthority } from '../support/certificates.ts'
import { asFields, CertificateFiles, HeldSecrets, inOneSecret } from './support.ts'

const authority = createAuthority()
const name = 'shared/tls'

async function errorOf(secrets: HeldSecrets, places: TlsPlaces = inOneSecret): Promise<Error> {
  try {
    await readMaterial('proxy', places, Date.now(), secrets)
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('It was taken.')
}

async function refuses(t: Test, secrets: HeldSecrets, what: string, places = inOneSecret): Promise<void> {
  const error = await errorOf(secrets, places)
  t.match(error, { code: 'SIDEKEEP_CERTIFICATE_INVALID' })
  t.ok(error.message.includes(what), `${error.message} says: ${what}`)
  t.notOk(error instanceof NotHeld)
}

t.test('fields of a secret, whole secrets and files go together', async (t) => {
  const [pair, secrets] = [authority.issue(), new HeldSecrets()]
  secrets.set(name, asFields(pair))
  secrets.set('key', pair.key)
  secrets.set('ca', authority.ca)
  const { files } = new CertificateFiles(t, pair)
  for (const places of [
    inOneSecret,
    { ...inOneSecret, key: { secret: 'key' }, clientCa: { secret: 'ca' } },
    { ...inOneSecret, cert: files.cert },
  ]) {
    t.match(await readMaterial('proxy', places, Date.now(), secrets), pair)
  }
})

t.test('each way in which a secret is unfit is told with the secret, the field and a remedy', async (t) => {
  const [secrets, pair, other] = [new HeldSecrets(), authority.issue(), authority.issue()]
  secrets.set(name, asFields({ ...pair, key: other.key }))
  await refuses(
    t,
    secrets,
    'The listener "proxy" cannot serve HTTPS: the key in the secret "shared/tls", field tls.key is not that of the certificate in the secret "shared/tls", field tls.crt. Put the two of one issue there',
  )
  secrets.set(name, asFields({ ...pair, key: 'CANARY-no-key' }))
  await refuses(
    t,
    secrets,
    'the secret "shared/tls", field tls.key holds no private key that can be read. It wants',
  )
  secrets.set(name, asFields({ ...pair, cert: 'CANARY-no-certificate' }))
  await refuses(t, secrets, 'the secret "shared/tls", field tls.crt holds no certificate. It wants')
  secrets.set(name, asFields({ cert: pair.cert }))
  await refuses(
    t,
    secrets,
    'the secret "shared/tls", field tls.key is not there: the value is no JSON, or has no such field. Check proxy.tls.key, and what the provider has: "sidekeep explain shared/tls".',
  )
  secrets.set(name, 'CANARY-no-json')
  await refuses(t, secrets, 'the secret "shared/tls", field tls.crt is not there')
  secrets.set('pem', 'x'.repeat(2_000_000))
  await refuses(t, secrets, 'the secret "pem" is too large', { ...inOneSecret, cert: { secret: 'pem' } })
})

t.test('a secret that is not held is told apart from one that is unfit', async (t) => {
  const secrets = new HeldSecrets()
  const error = await errorOf(secrets)
  t.ok(error instanceof NotHeld)
  t.match(
    error.message,
    'the secret "shared/tls", field tls.crt is not held, or is no text. Check proxy.tls.cert',
  )
})

t.test('a file that is unfit is told even where the secret beside it is not held yet', async (t) => {
  const { files } = new CertificateFiles(t, { ...authority.issue(), key: 'CANARY-no-key' })
  await refuses(t, new HeldSecrets(), `${files.key} holds no private key`, { ...inOneSecret, key: files.key })
})

t.test('no error quotes anything of a secret', async (t) => {
  const secrets = new HeldSecrets()
  const key = '-----BEGIN PRIVATE KEY-----\nCANARY-key\n-----END PRIVATE KEY-----\n'
  for (const value of [asFields({ ...authority.issue(), key }), key, asFields({ cert: key, key })]) {
    secrets.set(name, value)
    const error = await errorOf(secrets)
    t.notMatch(`${error.message} ${error.stack} ${String(error.cause)}`, 'CANARY')
  }
})
