import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse, refused } from '../../config/helpers.ts'

const provider = (options: string): string =>
  `providers: { p: { type: onepassword-connect, ${options} } }\nsecrets: { a: { provider: p } }`

t.test('a URL and a token are enough', async (t) => {
  const { config, warnings } = await parse(provider('url: "https://c.test:8443", token: { env: TOKEN }'), {
    TOKEN: 'CANARY-token',
  })
  t.strictSame(warnings, [])
  const { p } = config.providers
  if (p?.type !== 'onepassword-connect') throw new Error('no such provider')
  t.match(p, { timeout: 5000, maxBody: 4 * 1024 * 1024, vault: undefined })
  t.equal(await p.token.read(), 'CANARY-token')
})

t.test('what is wrong is told with its path', async (t) => {
  for (const [options, message] of [
    ['url: "https://c.test"', /providers\.p\.token/],
    ['token: { env: T }', /providers\.p\.url/],
    ['url: "https://c.test/{key}", token: { env: T }', /without \{key\} and query/],
    ['url: "https://c.test/?a=b", token: { env: T }', /without \{key\} and query/],
    ['url: "c.test", token: { env: T }', /providers\.p\.url/],
    ['url: "https://c.test", token: { env: T }, vault: ""', /the id or the name of a vault/],
    ['url: "https://c.test", token: { env: T }, vaults: x', /vaults/],
  ] as const) {
    const problems = await refused(provider(options))
    t.equal(problems.length, 1, options)
    t.match(problems[0], message)
  }
})

t.test('plain HTTP to another host is warned of', async (t) => {
  const { warnings } = await parse(provider('url: "http://c.test", token: { file: /t }'))
  t.match(warnings, [/plain http to another host: secrets and the token/])
})

t.test('the example of the documentation is a configuration that nothing is to be said of', async (t) => {
  const text = await readFile(
    new URL('../../../docs/providers/onepassword-connect.md', import.meta.url),
    'utf8',
  )
  const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)
  t.equal(examples.length, 1)
  for (const yaml of examples) t.strictSame((await parse(yaml)).warnings, [])
})
