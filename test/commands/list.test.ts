import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { root, run, sources } from '../support/process-child.ts'
import { shell } from '../support/process-shell.ts'
import { startReadySidecar, token } from '../support/process-sidecar.ts'

const backend = await startBackend(t, {
  token,
  secrets: [
    ['db-password', { value: 'CANARY-db-password', version: '7' }],
    ['shared/one', { value: 'CANARY-one', version: '1' }],
    ['shared/two', { value: 'CANARY-two', version: '2' }],
  ],
})
const sidecar = await startReadySidecar(t, {
  config: {
    api: { listen: '127.0.0.1:0' },
    providers: { platform: { type: 'http', url: backend.url, token: { env: 'AUTH_TOKEN' } } },
    secrets: {
      'db-password': { provider: 'platform', required: true },
      absent: { provider: 'platform' },
      'shared/*': { provider: 'platform' },
    },
  },
})
const env = { SIDEKEEP_API: sidecar.api }

t.test('it lists names, providers, states, versions and ages in columns, never a value', async (t) => {
  const { code, stdout, stderr } = await run(t, ['list'], { env })
  canaryGuard(t).noLeak('the list', stdout)
  t.match({ code, stderr }, { code: 0, stderr: '' })
  const rows = stdout.replaceAll(/\b\d+ s$/gm, 'N s').split('\n')
  t.strictSame(rows, [
    'NAME         PROVIDER  STATE             VERSION  AGE',
    'absent       platform  missing           -        -',
    'db-password  platform  fresh (required)  7        N s',
    'shared/one   platform  fresh             1        N s',
    'shared/two   platform  fresh             2        N s',
    '',
  ])
})

t.test('--prefix lists only names that begin so', async (t) => {
  const { code, stdout } = await run(t, ['list', '--prefix', 'shared/t'], { env })
  t.equal(code, 0)
  t.match(stdout, /^NAME.*\nshared\/two.*\n$/)
})

t.test('--json is the answer of the API as it is', async (t) => {
  const { code, stdout } = await run(t, ['list', '--json', '--prefix', 'db'], { env })
  t.equal(code, 0)
  t.match(JSON.parse(stdout), {
    secrets: [
      { name: 'db-password', provider: 'platform', version: '7', required: true, nextRefreshAt: String },
    ],
  })
})

t.test('a reader that has seen enough is no error', async (t) => {
  const line = `'${process.execPath}' '${sources}' list --api '${sidecar.api}' | head -n 0; echo done`
  t.match(await shell(`cd '${root}' && ${line}`, '/usr/bin:/bin'), { code: 0, stdout: 'done\n', stderr: '' })
})

t.test('it takes no arguments', async (t) => {
  t.match(await run(t, ['list', 'db-password'], { env }), {
    code: 78,
    stdout: '',
    stderr: /Did you mean|--help/,
  })
})
