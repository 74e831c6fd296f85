// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables are what is tested.
import t from 'tap'
import { redactConfig } from '../../src/config/redacted.ts'
import { parse, smallest } from './helpers.ts'

t.test('the effective configuration reads as a file would, with its defaults', async (t) => {
  const { redacted } = await parse(
    `${smallest}proxy: { listen: "0.0.0.0:80", upstream: "http://a", limits: [{ name: a, rate: 90/m, key: "header:X-Key" }] }`,
  )
  t.match(redacted, {
    api: { listen: '127.0.0.1:7575', demandTimeout: '5s', socketMode: '0660' },
    providers: { p: { type: 'env', prefix: 'APP_' } },
    secrets: { a: { provider: 'p', key: 'a', refresh: '5m', maxStale: '1d', required: false } },
    cache: { maxBytes: '64MiB' },
    proxy: { limits: [{ name: 'a', rate: '90/m', burst: 2, key: 'header:x-key' }] },
  })
})

t.test('it is itself a configuration that means the same', async (t) => {
  const loaded = await parse(smallest)
  const again = await parse(JSON.stringify(loaded.redacted))
  t.strictSame(again.config, loaded.config)
})

t.test('credentials show where they come from, and literals nothing', async (t) => {
  const { redacted } = await parse(
    `providers:
  p:
    type: http
    url: "https://a.test/\${TENANT}?key=CANARY-key-1&\${KEY}"
    token: CANARY-token-1
    ca: { file: /etc/ca.pem }
    headers: { X-A: { env: A }, X-B: "CANARY-literal-\${TENANT}" }
secrets: { a: { provider: p, refresh: "\${REFRESH:-10m}" } }
`,
    { TENANT: 'CANARY-tenant-1', KEY: 'CANARY-key-2' },
  )
  t.notMatch(JSON.stringify(redacted), /CANARY/)
  t.match(redacted, {
    providers: {
      p: {
        url: 'https://a.test/${TENANT}?[redacted]',
        token: '[redacted]',
        ca: { file: '/etc/ca.pem' },
        headers: { 'X-A': { env: 'A' }, 'X-B': '[redacted]' },
      },
    },
    secrets: { a: { refresh: '${REFRESH:-10m}' } },
  })
})

t.test('a configuration can be redacted without its file', async (t) => {
  const { config } = await parse(
    'providers: { p: { type: http, url: "https://a.test", token: CANARY-token-1 } }',
  )
  t.match(redactConfig(config), { providers: { p: { token: '[redacted]', timeout: '5s' } } })
})
