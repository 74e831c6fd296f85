import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse, refused } from './helpers.ts'

const config = (type: string, options: string): string => `
providers:
  aws: { ${[`type: ${type}`, options].filter((part) => part !== '').join(', ')} }
secrets:
  a: { provider: aws }
`

const types = ['aws-secrets-manager', 'aws-parameter-store']

t.test('the examples of the documentation are configurations, with nothing to warn of', async (t) => {
  for (const [type, count] of [
    ['aws-secrets-manager', 2],
    ['aws-parameter-store', 1],
  ] as const) {
    const text = await readFile(new URL(`../../docs/providers/${type}.md`, import.meta.url), 'utf8')
    const examples = [...text.matchAll(/```yaml\n(# sidekeep\.yaml\n[\s\S]*?)```/g)].map(
      ([, yaml = '']) => yaml,
    )
    t.equal(examples.length, count)
    for (const yaml of examples) t.strictSame((await parse(yaml)).warnings, [])
    for (const [, policy = ''] of text.matchAll(/```json\n([\s\S]*?)```/g)) t.ok(JSON.parse(policy))
  }
})

t.test('nothing but the type is needed, since the environment can say the rest', async (t) => {
  for (const type of types) t.ok(await parse(config(type, '')), type)
})

t.test('every option is taken in the forms that AWS has', async (t) => {
  const good = [
    'region: us-gov-west-1',
    'region: eu-central-1, endpoint: "https://vpce-1.ssm.eu-central-1.vpce.amazonaws.com"',
    'profile: payments prod',
    'roleArn: "arn:aws-cn:iam::123456789012:role/path/to/name"',
    'roleArn: "arn:aws:iam::123456789012:role/a", externalId: "a:b/c", sessionName: "a@b"',
    'timeout: 1s, maxBody: 1MiB, maxSecrets: 5, ca: { file: /etc/ca.pem }',
  ]
  for (const type of types) for (const options of good) t.ok(await parse(config(type, options)), options)
  for (const path of ['/a/b.c-d_e/', '/']) {
    const below = config('aws-parameter-store', `path: ${path}`).replace('aws }\n', `aws, key: ${path}a }\n`)
    t.match(below, 'key: /')
    t.ok(await parse(below))
  }
  t.ok(await parse(config('aws-secrets-manager', 'filters: [{ key: tag-key, values: ["!team", "a b"] }]')))
})

t.test('what AWS would not take is an error, with what is expected', async (t) => {
  for (const [options, expected] of [
    ['region: Frankfurt', /aws\.region: expected the name of a region/],
    ['endpoint: "https://a.test/{key}"', /aws\.endpoint: expected a URL without \{key\}/],
    ['endpoint: "https://user:CANARY@a.test"', /without user name and password/],
    ['roleArn: payments', /aws\.roleArn: expected the ARN of a role/],
    ['roleArn: "arn:aws:iam::123456789012:user/a"', /aws\.roleArn: expected the ARN of a role/],
    [
      'roleArn: "arn:aws:iam::123456789012:role/a", sessionName: "a b"',
      /aws\.sessionName: expected 2 to 64 letters/,
    ],
    ['externalId: contract', /aws\.externalId: expected nothing without roleArn/],
    ['sessionName: web', /aws\.sessionName: expected nothing without roleArn/],
  ] as const) {
    for (const type of types) {
      const lines = await refused(config(type, options))
      t.equal(lines.length, 1, lines.join())
      t.match(lines[0], expected)
      t.notMatch(lines[0], 'CANARY')
    }
  }
  for (const path of ['app', '/app//db', '/a b', '/app/*']) {
    const lines = await refused(config('aws-parameter-store', `path: "${path}"`))
    t.match(lines, [/aws\.path: expected a path that begins with "\/"/], path)
  }
  for (const [filters, expected] of [
    ['[{ key: name, values: [a] }]', /filters\[0\]\.key: expected one of/],
    ['[{ key: tag-key, values: [] }]', /filters\[0\]\.values: expected a list of 1 to 10 values/],
    ['[{ key: tag-key, values: ["a*"] }]', /filters\[0\]\.values\[0\]: expected 1 to 512 letters/],
    ['tag-key', /filters: expected a list of at most 8 filters/],
  ] as const) {
    const lines = await refused(config('aws-secrets-manager', `filters: ${filters}`))
    t.match(lines, [expected])
  }
})

t.test('a provider with a path takes keys below that path only', async (t) => {
  const withPath = (path: string, secrets: string): string => `
providers:
  aws: { type: aws-parameter-store, path: ${path} }
  other: { type: env, prefix: SECRET_ }
secrets:
  ${secrets}
`
  for (const [path, secret] of [
    ['/payments/', 'a: { provider: aws, key: /payments/a }'],
    ['/payments', '"payments/*": { provider: aws, key: /payments/* }'],
    ['/', 'a: { provider: aws, key: /a/b }'],
    ['/payments/', 'a: { key: /payments/a, fallback: [aws, other] }'],
    ['/payments/', 'a: { provider: other, key: A }'],
  ] as const) {
    t.ok(await parse(withPath(path, secret)), secret)
  }
  for (const [secret, place] of [
    ['a: { provider: aws, key: /payment/a }', 'secrets.a.key'],
    ['a: { provider: aws, key: "/payments/a:3" }', 'secrets.a.key'],
    ['a: { provider: aws, key: "/payments/a:live" }', 'secrets.a.key'],
    ['a: { provider: aws, key: /payments }', 'secrets.a.key'],
    ['a: { provider: aws }', 'secrets.a'],
    ['a: { fallback: [other, { provider: aws, key: b }] }', 'secrets.a.fallback[1].key'],
    ['a: { key: A, fallback: [other, aws] }', 'secrets.a.key'],
  ] as const) {
    const lines = await refused(withPath('/payments', secret))
    t.equal(lines.length, 1, lines.join())
    t.match(
      lines[0],
      `${place}: expected a key that begins with /payments/, without a version or label`,
      secret,
    )
  }
})
