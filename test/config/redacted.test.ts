// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables are what is tested.
import t from 'tap'
import { isEqual } from '../../src/config/equal.ts'
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

t.test('callers and further listeners are shown by their places, and mean the same read again', async (t) => {
  const env = { WEB_TOKEN: 'CANARY-web-token-0123456789', FOLDER: '/nowhere/CANARY-folder' }
  const text = `${smallest}api:
  limit: 5/s
  callers:
    web: { tokens: [{ env: WEB_TOKEN }, { file: "\${FOLDER}/token" }], allow: [a] }
  listeners:
    - { listen: "unix:/run/w.sock", callers: { worker: { tokens: [{ env: UNSET }], allow: ["*"] } } }
    - { listen: "unix:/run/b.sock", allow: [a], rights: [read], owner: 1000 }
audit: { stdout: true }
`
  const loaded = await parse(text, env)
  t.notMatch(JSON.stringify(loaded.redacted), /CANARY/)
  t.match(loaded.redacted, {
    api: {
      callers: {
        web: { tokens: [{ env: 'WEB_TOKEN' }, { file: '[redacted]' }], rights: ['read', 'list', 'watch'] },
      },
      listeners: [
        { callers: { worker: { allow: ['*'] } } },
        { access: 'header', rights: ['read'], owner: '1000' },
      ],
    },
    audit: { stdout: true, onFailure: 'serve' },
  })
  const plain = await parse(text.replace('${FOLDER}', '/nowhere/folder'), env)
  const again = await parse(JSON.stringify(plain.redacted), env)
  t.ok(isEqual(again.config, plain.config), 'what has no effect is left out')
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

t.test('of a program that is run only its path is shown, and not what it is given', async (t) => {
  const { redacted } = await parse(
    `providers: { p: { type: exec, command: [/usr/bin/get, --token, CANARY-token-1, "{key}"] } }
secrets: { a: { provider: p } }
files:
  - path: /shared/a.json
    secrets: [a]
    format: json
    notify: [{ exec: [/usr/bin/curl, -H, "Authorization: Bearer CANARY-token-2"] }]
`,
  )
  t.notMatch(JSON.stringify(redacted), /CANARY/)
  t.match(redacted, {
    providers: { p: { command: ['/usr/bin/get', '[redacted]', '[redacted]', '[redacted]'] } },
    files: [{ notify: [{ exec: ['/usr/bin/curl', '[redacted]', '[redacted]'] }] }],
  })
})

t.test('a configuration can be redacted without its file', async (t) => {
  const { config } = await parse(
    'providers: { p: { type: http, url: "https://a.test", token: CANARY-token-1 } }',
  )
  t.match(redactConfig(config), { providers: { p: { token: '[redacted]', timeout: '5s' } } })
})
