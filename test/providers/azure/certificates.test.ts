import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { azure } from './support.ts'

const fixture = (name: string): Buffer =>
  readFileSync(join(import.meta.dirname, '../../support/fixtures/pkcs12', name))

const pkcs12 = (name: string) =>
  ({
    value: fixture(name).toString('base64'),
    contentType: 'application/x-pkcs12',
    managed: true,
  }) as const

t.test('a certificate that lies there as PKCS#12 comes as PEM: key, certificate, chain', async (t) => {
  const { vault, provider } = await azure(t)
  vault.set('rsa', pkcs12('triple-des.p12'))
  vault.set('ec', pkcs12('one-iteration-ec.p12'))
  const found = await provider.fetch(['rsa', 'ec'], signal())
  t.equal(text(found.get('rsa')), fixture('rsa.pem').toString())
  t.equal(text(found.get('ec')), fixture('ec.pem').toString())
  leaksNothing(t, found)
})

t.test('a certificate that lies there as PEM comes as it is', async (t) => {
  const { vault, provider } = await azure(t)
  const value = fixture('rsa.pem').toString()
  vault.set('pem', { value, contentType: 'application/x-pem-file', managed: true })
  t.equal(text((await provider.fetch(['pem'], signal())).get('pem')), value)
})

t.test('unchanged gives what the vault has', async (t) => {
  const { vault, provider } = await azure(t, { certificates: 'unchanged' })
  const secret = pkcs12('camellia-ec.p12')
  vault.set('key', secret)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), secret.value)
})

t.test('what cannot be unpacked is an error of that key alone, with a way out', async (t) => {
  const { vault, provider } = await azure(t)
  vault.set('good', 'CANARY-good')
  for (const [what, secret, words] of [
    ['camellia', pkcs12('camellia-ec.p12'), /not known here/],
    ['password', pkcs12('with-password-ec.p12'), /has a password/],
    ['slow', pkcs12('too-slow.p12'), /more iterations than are sensible/],
    ['no base64', { ...pkcs12('camellia-ec.p12'), value: 'CANARY!' }, /not valid base64/],
    ['no container', { ...pkcs12('camellia-ec.p12'), value: 'Q0FOQVJZ' }, /not valid DER/],
    ['empty', { ...pkcs12('camellia-ec.p12'), value: '' }, /not valid DER/],
  ] as const) {
    vault.set('key', secret)
    const found = await provider.fetch(['key', 'good'], signal())
    const error = await failureOf(Promise.resolve(found))
    t.match(error, { kind: 'unavailable', message: words }, what)
    t.match(error.reason, what === 'slow' ? 'oversized' : 'malformed')
    t.equal(text(found.get('good')), 'CANARY-good')
    leaksNothing(t, found)
  }
})

t.test('a content type that only looks alike changes nothing', async (t) => {
  const { vault, provider } = await azure(t)
  for (const contentType of ['application/x-pkcs12-not', 'text/plain', 'x-pkcs12']) {
    vault.set('key', { value: 'CANARY-value', contentType })
    t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value', contentType)
  }
})
