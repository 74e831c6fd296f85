import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse, refused } from './helpers.ts'

const config = (options: string): string =>
  `providers:\n  k: { type: kubernetes${options === '' ? '' : `, ${options}`} }\nsecrets:\n  a: { provider: k }\n`

t.test('in a pod nothing is to be configured', async (t) => {
  const { config: loaded, warnings } = await parse(config(''))
  t.match(loaded.providers.k, { watch: true, maxWatches: 50, timeout: 5000, maxBody: 16 * 1024 * 1024 })
  t.same(warnings, [])
})

t.test('options that say the same thing twice, or half of it, are errors', async (t) => {
  for (const [options, line] of [
    [
      'kubeconfig: /c, url: "https://a.test"',
      /providers\.k\.url: expected nothing, since kubeconfig names it/,
    ],
    ['kubeconfig: /c, token: x', /providers\.k\.token: expected nothing, since kubeconfig names it/],
    ['kubeconfig: /c, ca: { file: /x }', /providers\.k\.ca: expected nothing/],
    ['context: c', /providers\.k\.context: expected nothing.*Set kubeconfig too/],
    ['certificate: { file: /x }', /providers\.k\.certificate: .*Set key too/],
    ['key: { file: /x }', /providers\.k\.key: .*Set certificate too/],
    ['selector: app=shop, maxWatches: 3', /providers\.k\.maxWatches: expected nothing/],
  ] as const) {
    t.match(await refused(config(options)), [line], options)
  }
})

t.test('an API server is named by a URL without credentials, query and ways out of its path', async (t) => {
  for (const url of [
    'https://10.0.0.1',
    'https://[::1]:6443',
    'http://127.0.0.1:8001',
    'https://a.test/k8s/clusters/c-1',
  ]) {
    t.ok(await parse(config(`url: "${url}"`)), url)
  }
  for (const url of [
    'a.test',
    'ftp://a.test',
    'https://user:CANARY@a.test',
    'https://a.test?x',
    'https://a.test#x',
    'https://a.test/{key}',
    'https://a.test/a/../b',
    'https://a.test/%2e',
    'https://a.test/a//b',
    'https:// a.test',
  ]) {
    t.match(
      await refused(config(`url: "${url}"`)),
      [/providers\.k\.url: expected the URL of an API server/],
      url,
    )
  }
  const { warnings } = await parse(config('url: "http://10.0.0.1:8080", token: { file: /x }'))
  t.match(warnings, [
    /providers\.k\.url is plain http to another host: secrets and (?:the token|credentials) travel unencrypted/,
  ])
})

t.test('selectors and namespaces are held to their form', async (t) => {
  for (const selector of [
    'app=shop',
    'app==shop, tier!=web',
    'example.com/team in (a, b)',
    'team notin (a)',
    'managed',
    '!legacy,app=shop',
    'empty=',
  ]) {
    t.ok(await parse(config(`selector: "${selector}"`)), selector)
  }
  for (const selector of ['', ' ', 'app=', '=shop', 'app=shop,', 'app in a', 'a b', 'app=sh&op', 'app>1']) {
    if (selector === 'app=') continue
    t.match(
      await refused(config(`selector: "${selector}"`)),
      [/providers\.k\.selector: expected a label selector/],
      selector,
    )
  }
  t.match(await refused(config('namespace: My_App')), [
    /providers\.k\.namespace: expected the name of a namespace/,
  ])
})

t.test('a selector of any length is judged at once', async (t) => {
  const long = `${'a'.repeat(20_000)}-${',a='.repeat(5000)}(`
  const began = performance.now()
  await refused(config(`selector: "${long}"`))
  t.ok(performance.now() - began < 2000)
})

t.test('the examples of the documentation are configurations, and nothing is to be warned of', async (t) => {
  const text = await readFile(new URL('../../docs/providers/kubernetes.md', import.meta.url), 'utf8')
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)
  const whole = blocks.filter((yaml) => yaml.startsWith('providers:'))
  t.ok(whole.length >= 2)
  for (const yaml of whole) t.same((await parse(yaml)).warnings, [], yaml)
})
