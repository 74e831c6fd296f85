import t from 'tap'
import { encodedPart, parseKey } from '../../../src/providers/onepassword/key.ts'
import fc from '../../support/property.ts'

const title = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.constantFrom('..', '.', 'a/b', '%2F', '?', '*'),
  )
  .filter((text) => text.isWellFormed())

t.test('any titles can be written as a key, and come back', async () => {
  fc.assert(
    fc.property(fc.array(title, { minLength: 2, maxLength: 4 }), (parts) => {
      const [vault = '', item, ...rest] = parts
      const expected = JSON.stringify({
        vault,
        item,
        ...(rest.length === 2 && { section: rest[0] }),
        ...(rest.length > 0 && { field: rest.at(-1) }),
      })
      const [first = '', ...others] = parts.map(encodedPart)
      const key = [first, ...others].join('/')
      return (
        JSON.stringify(parseKey(`op://${key}`, 'elsewhere')) === expected &&
        (key.startsWith('op://') || JSON.stringify(parseKey(key, undefined)) === expected) &&
        (others.join('/').startsWith('op://') ||
          JSON.stringify(parseKey(others.join('/'), vault)) === expected)
      )
    }),
  )
})

t.test('reading a key never throws, and gives at most four parts, none of them empty', async () => {
  const any = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((text) => `op://${text}`),
  )
  fc.assert(
    fc.property(any, fc.option(title, { nil: undefined }), (key, vault) => {
      const parsed = parseKey(key, vault)
      if ('unreadable' in parsed) return parsed.unreadable.length > 0
      if ('refused' in parsed) return key.startsWith('op://') && key.includes('?')
      return Object.values(parsed).every((part) => part !== '')
    }),
  )
})

t.test('a key is in one of three forms', async (t) => {
  for (const [key, vault, expected] of [
    ['v/i', undefined, { vault: 'v', item: 'i' }],
    ['v/i/f', undefined, { vault: 'v', item: 'i', field: 'f' }],
    ['v/i/s/f', undefined, { vault: 'v', item: 'i', section: 's', field: 'f' }],
    ['i', 'v', { vault: 'v', item: 'i' }],
    ['i/f', 'v', { vault: 'v', item: 'i', field: 'f' }],
    ['i/s/f', 'v', { vault: 'v', item: 'i', section: 's', field: 'f' }],
    ['op://w/i/f', 'v', { vault: 'w', item: 'i', field: 'f' }],
    ['op://w/i/f?attribute=value', 'v', { vault: 'w', item: 'i', field: 'f' }],
    ['My Item/a%2Fb/100%25', 'v/w', { vault: 'v/w', item: 'My Item', section: 'a/b', field: '100%' }],
    ['what?', 'v', { vault: 'v', item: 'what?' }],
  ] as const) {
    t.strictSame(parseKey(key, vault), expected, key)
  }
  for (const [key, vault] of [
    ['', 'v'],
    ['', undefined],
    ['v', undefined],
    ['a/b/c/d', 'v'],
    ['a/b/c/d/e', undefined],
    ['a//b', 'v'],
    ['/a', 'v'],
    ['a/', 'v'],
    ['op://', 'v'],
    ['op://v', 'v'],
    ['a%', 'v'],
    ['%ff', 'v'],
    ['\ud800', 'v'],
  ] as const) {
    t.match(parseKey(key, vault), { unreadable: /^A key is / }, JSON.stringify(key))
  }
})
