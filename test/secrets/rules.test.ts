import t from 'tap'
import { isSecretName, Rules } from '../../src/secrets/rules.ts'
import { ruleOf } from '../support/heart-rig.ts'
import fc from '../support/property.ts'

t.test('a declared name beats every pattern, and the most specific pattern the others', (t) => {
  const rules = new Rules([
    ruleOf('*'),
    ruleOf('db/*'),
    ruleOf('*/password'),
    ruleOf('db/main/password', { key: 'declared' }),
  ])
  t.equal(rules.find('db/main/password')?.key, 'declared')
  t.equal(rules.find('x/password')?.rule.name, '*/password')
  t.equal(rules.find('db/password')?.rule.name, '*/password', 'the longer literal part decides')
  t.equal(rules.find('db/user')?.rule.name, 'db/*')
  t.equal(rules.find('user')?.rule.name, '*')
  t.end()
})

t.test('between patterns of the same length the order in the file decides', (t) => {
  const one = ruleOf('ab*', { key: 'one*' })
  const two = ruleOf('*yz', { key: 'two*' })
  t.equal(new Rules([one, two]).find('ab-yz')?.rule, one)
  t.equal(new Rules([two, one]).find('ab-yz')?.rule, two)
  t.end()
})

t.test('the star stands for one character at least, slashes too, and its text is taken as it is', (t) => {
  const rules = new Rules([ruleOf('app/*.json', { key: 'kv/$&/*/$1' })])
  t.equal(rules.find('app/.json'), undefined)
  t.equal(rules.find('app/x.json')?.key, 'kv/$&/x/$1')
  t.equal(rules.find('app/a/b/c.json')?.key, 'kv/$&/a/b/c/$1')
  t.equal(rules.find('app/$$-$`.json')?.key, 'kv/$&/$$-$`/$1')
  t.equal(rules.find('app/x.yaml'), undefined)
  t.same(
    [...rules.discover('p', 'kv/$&/x/$1')].map(({ name }) => name),
    ['app/x.json'],
  )
  t.end()
})

t.test('the literal parts of a pattern do not overlap', (t) => {
  const rules = new Rules([ruleOf('aba*aba')])
  t.equal(rules.find('ababa'), undefined)
  t.equal(rules.find('abaaba'), undefined)
  t.equal(rules.find('abaxaba')?.key, 'abaxaba')
  t.end()
})

t.test('no pattern reaches a name that is none', (t) => {
  const rules = new Rules([ruleOf('*'), ruleOf('app/*')])
  for (const name of [
    '',
    '/',
    'app/',
    'app//x',
    'app/../db',
    '..',
    '.',
    'a/./b',
    'a\\b',
    'a\nb',
    'a\u007f',
    '\ud800',
  ]) {
    t.equal(rules.find(name), undefined, JSON.stringify(name))
    t.same(
      [...rules.discover('p', name)].filter(({ name: found }) => found === name),
      [],
    )
  }
  t.end()
})

t.test('names are 1 to 256 bytes of UTF-8', (t) => {
  for (const name of [
    'a',
    'ä',
    'db-password',
    'a/b/c',
    '...',
    'a b',
    '%2e',
    'x'.repeat(256),
    '😀',
    '*',
    '?#',
  ]) {
    t.ok(isSecretName(name), name)
  }
  for (const name of [
    'x'.repeat(257),
    'ä'.repeat(129),
    'a/',
    '/a',
    'a//b',
    './a',
    'a/..',
    'a\u0000b',
    'a\u001fb',
  ]) {
    t.notOk(isSecretName(name), JSON.stringify(name))
  }
  t.end()
})

/** Names over few letters, so that patterns and names meet often. */
const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '$'), maxLength: 6 })
const pattern = fc.tuple(letters, letters).map(([before, after]) => `${before}*${after}`)
const rule = fc.record({ name: pattern, key: pattern, provider: fc.constantFrom('p', 'q') })
const declared = fc.record({
  name: letters.filter(isSecretName),
  key: letters,
  provider: fc.constantFrom('p', 'q'),
})
const ruleSet = fc
  .tuple(
    fc.uniqueArray(rule, { selector: ({ name }) => name, maxLength: 5 }),
    fc.uniqueArray(declared, { selector: ({ name }) => name, maxLength: 3 }),
  )
  .map(([patterns, names]) => [...patterns, ...names].map(({ name, ...more }) => ruleOf(name, more)))

t.test('what a key discovers is found by its name, with that key: for random rules', (t) => {
  fc.assert(
    fc.property(ruleSet, letters, fc.constantFrom('p', 'q'), (set, key, provider) => {
      const rules = new Rules(set)
      const names = new Set<string>()
      for (const match of rules.discover(provider, key)) {
        const found = rules.find(match.name)
        if (found?.rule !== match.rule || found.key !== key || match.key !== key) return false
        if (match.rule.provider !== provider || !isSecretName(match.name)) return false
        if (names.has(match.name)) return false
        names.add(match.name)
      }
      return true
    }),
    { numRuns: 3_000 },
  )
  t.end()
})

t.test('what is found under a pattern by its name is discovered by its key: for random rules', (t) => {
  fc.assert(
    fc.property(ruleSet, letters, (set, name) => {
      const rules = new Rules(set)
      const found = rules.find(name)
      if (found === undefined || !found.rule.name.includes('*')) return true
      const discovered = [...rules.discover(found.rule.provider, found.key)]
      return discovered.some((match) => match.name === name && match.rule === found.rule)
    }),
    { numRuns: 3_000 },
  )
  t.end()
})

t.test('a name is found as a plain reading of the patterns would find it: for random rules', (t) => {
  fc.assert(
    fc.property(ruleSet, letters, (set, name) => {
      const exact = set.find((each) => each.name === name && !each.name.includes('*'))
      const fitting = set.filter(({ name: each }) => each.includes('*') && fits(each, name))
      const longest = Math.max(...fitting.map(({ name: each }) => each.length))
      const expected =
        exact ?? (isSecretName(name) ? fitting.find((each) => each.name.length === longest) : undefined)
      return new Rules(set).find(name)?.rule === expected
    }),
    { numRuns: 3_000 },
  )
  t.end()
})

function fits(pattern: string, name: string): boolean {
  const [before = '', after = ''] = pattern.split('*')
  return name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after)
}

t.test('no name makes matching slow: the work grows with the length alone', (t) => {
  const patterns = Array.from({ length: 100 }, (_, at) => ruleOf(`${'a'.repeat(at + 1)}*${'a'.repeat(at)}b`))
  const rules = new Rules(patterns)
  const began = process.cpuUsage()
  for (let at = 0; at < 1_000; at += 1) rules.find('a'.repeat(256))
  for (let at = 0; at < 100; at += 1) rules.find('a'.repeat(1_000_000))
  const { user } = process.cpuUsage(began)
  t.ok(user < 2_000_000, `${user} µs of CPU time for 1,100 names over 100 patterns`)
  t.end()
})

t.test('what would pick another version or place at the provider is covered by no pattern', async (t) => {
  const pattern = { ...ruleOf('shared/*', { key: 'kv/shared/*' }), reserved: /\?/ }
  const rules = new Rules([pattern, ruleOf('old', { key: 'kv/shared/db?version=1' })])
  t.equal(rules.find('shared/db')?.key, 'kv/shared/db')
  t.equal(rules.find('shared/db?version=1'), undefined)
  t.same([...rules.discover(pattern.provider, 'kv/shared/db?version=1')], [])
  t.equal(rules.find('old')?.key, 'kv/shared/db?version=1', 'who declares it may have it')
})
