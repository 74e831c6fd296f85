import t from 'tap'
import { parseId, parseKey, secretPath } from '../../../src/providers/azure/key.ts'
import { versionId } from '../../support/fake-azure-vault.ts'
import fc from '../../support/property.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { azure } from './support.ts'

t.test('a name is the latest version, and a version behind it that version', async (t) => {
  const { vault, provider } = await azure(t)
  vault.set('db-password', 'CANARY-old')
  vault.set('db-password', 'CANARY-new')
  const old = `db-password/${versionId(0)}`
  const found = await provider.fetch(['db-password', old], signal())
  t.equal(text(found.get('db-password')), 'CANARY-new')
  t.equal(text(found.get(old)), 'CANARY-old')
  t.match(found.get('db-password'), { version: versionId(1) })
  t.match(found.get(old), { version: versionId(0) })
  leaksNothing(t, found)
})

t.test('what no secret can be called is missing, and never asked for', async (t) => {
  const { vault, provider } = await azure(t)
  for (const key of [
    'a_b',
    'a/b',
    'a//',
    '/a',
    'a/',
    'ä',
    '..',
    'a b',
    'a%2fb',
    'a?x=1',
    'a#',
    'a'.repeat(128),
  ]) {
    const error = (await provider.fetch([key], signal())).get(key)
    t.match(error, { kind: 'missing', reason: 'not-found', message: /A key is NAME or NAME\/VERSION/ }, key)
  }
  t.strictSame(vault.backend.requests, [])
})

const of = (letters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...letters), minLength, maxLength })
const name = of('abcxyzABCXYZ0123456789-', 1, 127)
const version = of('0123456789abcdefABCDEF', 32, 32)

t.test('a key that is one leads to its own path, and any other leads nowhere', async (t) => {
  fc.assert(
    fc.property(name, fc.option(version, { nil: undefined }), (name, version) => {
      const key = parseKey(version === undefined ? name : `${name}/${version}`)
      if (key === undefined) return false
      const { pathname } = new URL(secretPath(key), 'https://v.test')
      return pathname === `/secrets/${name}${version === undefined ? '' : `/${version}`}`
    }),
  )
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), of('az09./%?#-_', 1, 40)), (text) => {
      const key = parseKey(text)
      return key === undefined || /^[0-9a-zA-Z-]{1,127}(\/[0-9a-fA-F]{32})?$/.test(text)
    }),
  )
  t.equal(parseKey('a\n'), undefined)
})

t.test('an identifier is read, and what looks like one is not', async (t) => {
  t.strictSame(parseId('https://v.vault.azure.net/secrets/a-1/0f'), { name: 'a-1', version: '0f' })
  t.strictSame(parseId('https://v.vault.azure.net:443/secrets/a'), { name: 'a', version: undefined })
  for (const id of [
    undefined,
    1,
    '',
    'https://v/keys/a/0f',
    'https://v/secrets/a/0f/1',
    'https://v/secrets/../a',
  ]) {
    t.equal(parseId(id), undefined, String(id))
  }
})

t.test('an answer for another secret is not taken for the one that was asked for', async (t) => {
  const { vault, provider } = await azure(t)
  vault.set('other', 'CANARY-other')
  vault.fault = (request, response) => {
    vault.fault = undefined
    request.url = request.url?.replace('/key?', '/other?') ?? ''
    vault.backend.handler?.(request, response)
  }
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'malformed', message: /its "id" is not that of the secret/ })
  leaksNothing(t, error)
})
