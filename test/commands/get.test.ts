import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { run } from '../support/process-child.ts'
import { startReadySidecar, token } from '../support/process-sidecar.ts'

const binary = Buffer.concat([
  Buffer.from([0, 0xff, 0xfe, 10]),
  Buffer.from('CANARY-binary'),
  Buffer.from([10, 0]),
])

const backend = await startBackend(t, {
  token,
  secrets: [
    ['db-password', 'CANARY-db-password'],
    ['with-newline', 'CANARY-line\n'],
    ['empty', ''],
    ['keystore', { value: binary.toString('base64'), encoding: 'base64' }],
    ['payment', { value: { key: 'CANARY-key', db: { password: 'CANARY-nested' } } }],
    ['shared/a b/ü', 'CANARY-shared'],
  ],
})
const provider = { provider: 'platform', refresh: '300ms', maxStale: '1h' }
const sidecar = await startReadySidecar(t, {
  config: {
    api: { listen: '127.0.0.1:0' },
    providers: {
      platform: { type: 'http', url: backend.url, token: { env: 'AUTH_TOKEN' } },
      // Port 9 is for discarding, and nothing of ours: what lives there is never loaded.
      nowhere: { type: 'http', url: 'http://127.0.0.1:9/secrets' },
    },
    secrets: {
      'db-password': { ...provider, required: true },
      'with-newline': provider,
      empty: provider,
      keystore: provider,
      payment: provider,
      'shared/*': provider,
      absent: provider,
      unloaded: { provider: 'nowhere' },
    },
  },
})
const get = (...args: string[]) => run(t, ['get', ...args], { env: { SIDEKEEP_API: sidecar.api } })

t.test('it prints the value and a newline', async (t) => {
  t.match(await get('db-password'), { code: 0, stdout: 'CANARY-db-password\n', stderr: '' })
})

t.test('--raw prints exactly the bytes, whatever they are', async (t) => {
  t.match(await get('db-password', '--raw'), { code: 0, stdout: 'CANARY-db-password' })
  t.match(await get('--raw', 'with-newline'), { code: 0, stdout: 'CANARY-line\n' })
  t.match(await get('--raw', 'empty'), { code: 0, stdout: '' })
  const { code, bytes } = await get('--raw', 'keystore')
  t.equal(code, 0)
  t.ok(bytes.equals(binary))
})

t.test('--field picks a member or what a JSON Pointer names', async (t) => {
  t.match(await get('payment', '--field', 'key'), { code: 0, stdout: 'CANARY-key\n' })
  t.match(await get('payment', '--field', '/db/password', '--raw'), { code: 0, stdout: 'CANARY-nested' })
  const missing = await get('payment', '--field', 'absent')
  t.match(missing, {
    code: 1,
    stdout: '',
    stderr: /"payment" has no field "absent".*\(SIDEKEEP_FIELD_NOT_FOUND\)/,
  })
})

t.test('--json prints the whole answer', async (t) => {
  const { code, stdout } = await get('db-password', '--json')
  t.equal(code, 0)
  t.match(JSON.parse(stdout), {
    name: 'db-password',
    value: 'CANARY-db-password',
    version: String,
    fetchedAt: String,
    state: /^(fresh|stale)$/,
  })
})

t.test('a name may have slashes, spaces and letters of any language', async (t) => {
  t.match(await get('shared/a b/ü'), { code: 0, stdout: 'CANARY-shared\n' })
})

t.test('what is not there is exit code 1, what is not loaded is 69', async (t) => {
  for (const name of ['absent', 'no-rule-names-it', 'shared/none']) {
    const missing = await get(name)
    t.match(missing, { code: 1, stdout: '' }, name)
    t.match(missing.stderr, `There is no secret named "${name}" here`)
    t.match(missing.stderr, '(SIDEKEEP_SECRET_NOT_FOUND)')
  }
  t.match(await get('unloaded'), {
    code: 69,
    stdout: '',
    stderr: /"unloaded" has not been fetched yet.*\(SIDEKEEP_SECRET_NOT_LOADED\)/,
  })
})

t.test('a stale value is printed, with a note beside it', async (t) => {
  await backend.stop()
  await eventually('a stale value', async () => (await sidecar.listed('db-password'))?.state === 'stale')
  t.match(await get('db-password', '--raw'), {
    code: 0,
    stdout: 'CANARY-db-password',
    stderr: 'sidekeep: this value is stale\n',
  })
})

t.test('without a name, and with two, it says how to ask', async (t) => {
  t.match(await get(), { code: 78, stdout: '', stderr: /Name a secret\. See "sidekeep get --help"/ })
  t.match(await get('a', 'b'), { code: 78, stderr: /Unexpected argument "b"\. See "sidekeep get --help"/ })
})
