import t from 'tap'
import { parameterName, parseParameterKey } from '../../../src/providers/aws/parameter-key.ts'
import { literalPrefixes } from '../../../src/providers/aws/prefixes.ts'
import { isNamed, parseSecretKey } from '../../../src/providers/aws/secret-key.ts'
import fc from '../../support/property.ts'

const chars = (alphabet: string, min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: min, maxLength: max })
const secretName = chars('abzAZ09/_+=.@!-', 1, 60)
const label = chars('abzAZ09_.-', 1, 60)
const account = fc.constantFrom('123456789012', '000000000000')
const partition = fc.constantFrom('aws', 'aws-cn', 'aws-us-gov')

t.test('a key of Secrets Manager is its id and one version at most', async (t) => {
  const version = 'EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE'
  t.same(parseSecretKey('prod/db'), { id: 'prod/db' })
  t.same(parseSecretKey('rds!cluster-1?stage=AWSPREVIOUS'), { id: 'rds!cluster-1', stage: 'AWSPREVIOUS' })
  t.same(parseSecretKey(`a?version=${version}`), { id: 'a', version })
  const bad = [
    '',
    '?stage=A',
    'a?',
    'a?stage=',
    'a?stag=A',
    'a?stage=A?stage=B',
    `a?stage=A&version=${version}`,
    'a?version=short',
    'a b',
    'a\n',
    'a?stage=A\n',
    'ключ',
    'x'.repeat(520),
    'arn:aws:ssm:eu-central-1:123456789012:parameter/a',
    'arn:aws:secretsmanager:eu-central-1:12:secret:a',
  ]
  for (const key of bad) t.equal(parseSecretKey(key), undefined, key)
})

t.test('what parses comes back as it was written, and nothing throws', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (key) => {
      const parsed = parseSecretKey(key)
      if (parsed === undefined) return true
      const { id, stage, version } = parsed
      const selector =
        stage === undefined ? (version === undefined ? '' : `?version=${version}`) : `?stage=${stage}`
      return `${id}${selector}` === key
    }),
  )
  fc.assert(
    fc.property(secretName, partition, account, (name, part, id) => {
      const arn = `arn:${part}:secretsmanager:eu-central-1:${id}:secret:${name}`
      return parseSecretKey(name)?.id === name && parseSecretKey(`${arn}?stage=A`)?.id === arn
    }),
  )
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (key) => void parseParameterKey(key)))
})

t.test('an ARN without its ending names its secret and no other', async () => {
  const suffix = chars('abzAZ09', 6, 6)
  fc.assert(
    fc.property(secretName, secretName, suffix, (name, other, ending) => {
      const arn = (of: string): string => `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${of}`
      const named = { ARN: `${arn(name)}-${ending}`, Name: name }
      const isOther = other === name || other === `${name}-${ending}`
      return isNamed(name, named) && isNamed(arn(name), named) && isNamed(arn(other), named) === isOther
    }),
  )
})

t.test('a key of the Parameter Store is a name or an ARN, and one selector at most', async (t) => {
  for (const [key, name, isPinned] of [
    ['plain', 'plain', false],
    ['/plain', 'plain', false],
    ['/app/db', '/app/db', false],
    ['/app/db:3', '/app/db', true],
    ['app:live', 'app', true],
    ['arn:aws:ssm:eu-central-1:123456789012:parameter/app/db:3', '/app/db', true],
    ['arn:aws:ssm:eu-central-1:123456789012:parameter/plain', 'plain', false],
    ['/aws/reference/secretsmanager/prod@db', '/aws/reference/secretsmanager/prod@db', false],
  ] as const) {
    t.same(parseParameterKey(key), { name, isPinned }, key)
  }
  for (const key of [
    '',
    'a/b',
    '../a',
    'a:',
    ':1',
    'a:1:2',
    'a b',
    'a\n',
    'ключ',
    `a:${'x'.repeat(101)}`,
    'x'.repeat(1025),
  ]) {
    t.equal(parseParameterKey(key), undefined, key)
  }
  fc.assert(
    fc.property(chars('ab09_.-', 1, 20), fc.option(label, { nil: undefined }), (name, picked) => {
      const selector = picked === undefined ? '' : `:${picked}`
      const arn = `arn:aws:ssm:eu-central-1:123456789012:parameter/${name}`
      return (
        parseParameterKey(`${name}${selector}`)?.name === name &&
        parseParameterKey(`${arn}${selector}`)?.name === name &&
        parameterName(arn) === name
      )
    }),
  )
})

t.test('prefixes cover every pattern, and none of them another', async () => {
  const pattern = fc
    .tuple(chars('ab/', 0, 5), chars('ab/', 0, 3))
    .map(([before, after]) => `${before}*${after}`)
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), (patterns) => {
      const prefixes = literalPrefixes(patterns, /^[ab/]*$/)
      const covered = patterns.every((one) => prefixes.some((prefix) => one.startsWith(prefix)))
      const needed = prefixes.every((prefix) => patterns.some((one) => one.startsWith(`${prefix}*`)))
      const apart = prefixes.every(
        (one, at) => !prefixes.some((other, to) => to !== at && other.startsWith(one)),
      )
      return covered && needed && apart
    }),
  )
})
