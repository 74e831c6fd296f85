import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createProvider } from '../../src/providers/registry.ts'
import { startBackend } from '../support/backend.ts'
import { context, signal, text } from './conformance.ts'

t.test('each type of the configuration gets its provider', async (t) => {
  const bounds = { maxBody: 1000, maxSecrets: 10 }
  const path = join(t.testdir({}), 'secrets.json')
  writeFileSync(path, '{"key":"CANARY-file"}')
  process.env.SIDEKEEP_TEST_key = 'CANARY-env'
  t.teardown(() => delete process.env.SIDEKEEP_TEST_key)
  const backend = await startBackend(t, { secrets: [['key', 'CANARY-http']] })

  for (const [config, expected] of [
    [
      {
        type: 'http',
        url: backend.url,
        timeout: 1000,
        maxConcurrentCalls: 8,
        maxRemembered: 1000,
        ...bounds,
      },
      'CANARY-http',
    ],
    [{ type: 'file', path, format: 'auto', poll: 1000, ...bounds }, 'CANARY-file'],
    [{ type: 'env', prefix: 'SIDEKEEP_TEST_' }, 'CANARY-env'],
  ] as const) {
    const provider = await createProvider(config, context(t))
    t.equal(text((await provider.fetch(['key'], signal())).get('key')), expected)
    await provider.close?.()
  }
})
