import t from 'tap'
import { anyOf, globOf } from '../../src/secrets/glob.ts'
import fc from '../support/property.ts'

t.test('a name is itself alone', async (t) => {
  const matches = globOf('db-password')
  t.equal(matches('db-password'), true)
  for (const name of ['db-passwor', 'db-password2', 'DB-password', 'a/db-password', '']) {
    t.equal(matches(name), false, name)
  }
})

t.test('a star stands for at least one character, slashes too', async (t) => {
  for (const [pattern, matching, others] of [
    ['web/*', ['web/a', 'web/a/b', 'web/*'], ['web/', 'web', 'aweb/a']],
    ['*', ['a', 'a/b'], ['']],
    ['*/password', ['db/password', 'a/b/password'], ['/password', 'password', 'db/password2']],
    ['a*c', ['abc', 'abbc', 'acc', 'accc'], ['ac', 'abcd', 'xabc']],
    ['a*b*c', ['axbxc', 'abbbc', 'axbbxc'], ['abc', 'abbc', 'axbc', 'abxc', 'axbx']],
    ['*a*', ['xax', 'aaa'], ['a', 'ax', 'xa', 'aa']],
    ['a*a', ['aaa', 'aba'], ['a', 'aa']],
    ['*.*.*', ['1.2.3', '.....'], ['1.2', '...', '..', '1..3']],
  ] as const) {
    const matches = globOf(pattern)
    for (const name of matching) t.equal(matches(name), true, `${pattern} covers ${name}`)
    for (const name of others) t.equal(matches(name), false, `${pattern} does not cover ${name}`)
  }
})

t.test('characters that mean something elsewhere mean themselves', async (t) => {
  for (const pattern of ['a.c', 'a?c', '[abc]', 'a+', '(a|b)', '^a$', 'a\\d', '{a,b}', '$&']) {
    const matches = globOf(pattern)
    t.equal(matches(pattern), true, pattern)
    for (const name of ['abc', 'aa', 'a', 'b', 'a1']) t.equal(matches(name), false, `${pattern} and ${name}`)
  }
})

t.test('it says what a regular expression would say that is made of the pattern', async (t) => {
  const text = (characters: string, maxLength: number) =>
    fc.string({ unit: fc.constantFrom(...characters), maxLength })
  fc.assert(
    fc.property(text('ab/*', 8), text('ab/', 12), (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '[^]+')}$`)
      return globOf(pattern)(name) === expression.test(name)
    }),
    { numRuns: 5_000 },
  )
  t.pass('for 5,000 patterns and names')
})

t.test('one of several patterns is enough, and of none nothing is covered', async (t) => {
  const matches = anyOf(['web/*', 'db-password', '*-shared'])
  for (const name of ['web/a', 'db-password', 'x-shared']) t.equal(matches(name), true, name)
  for (const name of ['web/', 'db-passwords', '-shared', '']) t.equal(matches(name), false, name)
  t.equal(anyOf([])('a'), false)
})
