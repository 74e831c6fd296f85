import t from 'tap'
import { isKey, isRuleName, secretNamePattern } from '../../src/config/names.ts'
import { isPattern, isSecretName } from '../../src/secrets/rules.ts'
import fc from '../support/property.ts'

t.test('names that are paths, texts and patterns are names', async (t) => {
  const names = [
    'a',
    'db-password',
    'shared/db/password',
    '...',
    '.a',
    'a.',
    'Schlüssel',
    '鍵',
    'a b',
    '*',
    'shared/*',
    'x'.repeat(256),
  ]
  for (const name of names) t.ok(isRuleName(name), name)
})

t.test('names that would be another path, or break a line, are none', async (t) => {
  const names = [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    './a',
    'a/.',
    'a\\b',
    'a\nb',
    'a\0',
    'a\u0085',
    'a\u007f',
  ]
  for (const name of names) t.notOk(isRuleName(name), JSON.stringify(name))
})

t.test('a line separator does not hide a bad segment', async (t) => {
  t.notOk(isRuleName('a\u2028/../b'))
  t.notOk(isRuleName('a\u2028/'))
})

t.test('a name has one * at most', async (t) => {
  t.notOk(isRuleName('a/*/b/*'))
  t.ok(isPattern('a/*/b'))
  t.notOk(isPattern('a/b'))
})

t.test('a name is measured in bytes, and half of a surrogate pair has none', async (t) => {
  t.ok(isRuleName('é'.repeat(128)))
  t.notOk(isRuleName('é'.repeat(129)))
  t.notOk(isRuleName('x'.repeat(257)))
  t.notOk(isRuleName('\ud800'))
})

t.test(
  'a key is what a provider may call a secret: slashes anywhere, but no control character',
  async (t) => {
    for (const key of ['a', '/a/', '..', 'arn:aws:x', 'a\\b', 'x'.repeat(1024)]) t.ok(isKey(key), key)
    for (const key of ['', 'a\nb', '\ud800', 'x'.repeat(1025)]) t.notOk(isKey(key), JSON.stringify(key))
  },
)

t.test('editors, rules and the secrets that a pattern finds agree on what a name is', async (t) => {
  const unit = fc.constantFrom('a', '*', '/', '.', '\\', '\n', '\u007f', '\u0085', '\ud800', '\u2028', 'é')
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 6 }), (text) => {
      const isRule = isRuleName(text)
      return isRule === secretNamePattern.test(text) && (text.includes('*') || isRule === isSecretName(text))
    }),
    { numRuns: 3_000 },
  )
  t.notOk(isSecretName('a\u0085b'), 'a control character beyond ASCII is one')
})

t.test('no name that is accepted escapes from a directory', async () => {
  const segment = fc.constantFrom('', '.', '..', 'a', '\\', '*', '\n', '…')
  const name = fc.array(segment, { maxLength: 6 }).map((segments) => segments.join('/'))
  fc.assert(
    fc.property(
      name,
      (text) => !isRuleName(text) || text.split('/').every((part) => !['', '.', '..'].includes(part)),
    ),
  )
})
