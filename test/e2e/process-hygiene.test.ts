/** What the process itself shows to others, beside what it answers. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { edgesOf } from '../support/imports/graph.ts'
import { root, run } from '../support/process-child.ts'
import {
  configFile,
  folderOf,
  simpleConfig,
  startReadySidecar,
  startSidecar,
  token,
} from '../support/process-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const

const openings = [
  [{ env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } }, /--inspect in NODE_OPTIONS opens a debugger/],
  [{ nodeArgs: ['--inspect=127.0.0.1:0'] }, /--inspect in the command line opens a debugger/],
  [{ env: { NODE_OPTIONS: '--heapsnapshot-signal=SIGUSR2' } }, /--heapsnapshot-signal in .* to a file/],
  [{ nodeArgs: ['--heapsnapshot_near_heap_limit=1'] }, /--heapsnapshot-near-heap-limit in .* to a file/],
  [
    { env: { NODE_OPTIONS: '"--abort-on-uncaught-exception"' } },
    /--abort-on-uncaught-exception in .* core dump/,
  ],
  [{ env: { NODE_OPTIONS: '--no-warnings --tls-keylog=keys' } }, /--tls-keylog in .* writes the keys/],
] as const

for (const [options, refusal] of openings) {
  t.test(`it does not run with ${JSON.stringify(options)}`, async (t) => {
    const config = configFile(t, simpleConfig('http://127.0.0.1:1/'))
    const { code, stdout, stderr } = await run(t, ['run', '--config', config], {
      cwd: folderOf(t),
      ...options,
    })
    t.equal(code, 78)
    t.equal(stdout, '', 'nothing was opened')
    t.match(stderr, refusal)
    t.match(stderr, /whoever uses it reads all secrets.*SIDEKEEP_ALLOW_DEBUGGING=1.*\(SIDEKEEP_USAGE\)/)
  })
}

t.test('whoever wants to debug it may, and is warned', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startSidecar(t, {
    config: simpleConfig(backend.url),
    env: { NODE_OPTIONS: '--inspect=127.0.0.1:0', SIDEKEEP_ALLOW_DEBUGGING: '1' },
  })
  t.match(sidecar.log[0], { level: 'warn', msg: /opens a debugger: whoever uses it reads all secrets/ })
  const other = await startSidecar(t, { config: simpleConfig(backend.url) })
  t.notMatch(other.child.stdout, 'debugger', 'and nobody else is')
})

t.test(
  'a diagnostic report has neither a value nor the environment, and is written only when asked for',
  async (t) => {
    const backend = await startBackend(t, { token, secrets })
    const folder = folderOf(t)
    const file = join(folder, 'asked-for.json')
    const preload = join(folder, 'preload.mjs')
    writeFileSync(preload, `process.on('SIGHUP', () => process.report.writeReport('asked-for.json'))`)
    const sidecar = await startReadySidecar(t, {
      config: simpleConfig(backend.url),
      env: {
        NODE_OPTIONS: [
          '--report-on-signal',
          '--report-signal=SIGUSR2',
          '--report-on-fatalerror',
          '--report-uncaught-exception',
          `--report-directory=${folder}`,
        ].join(' '),
      },
      nodeArgs: ['--import', preload],
    })
    sidecar.child.signal('SIGHUP')
    await eventually(
      'the report',
      () => existsSync(file) && readFileSync(file, 'utf8').trimEnd().endsWith('}'),
    )
    const text = readFileSync(file, 'utf8')
    const report: object = JSON.parse(text)
    t.notOk('environmentVariables' in report)
    canaryGuard(t).noLeak('the report', text)
    sidecar.child.signal('SIGUSR2')
    sidecar.child.signal('SIGTERM')
    await sidecar.child.ended()
    t.strictSame(
      readdirSync(folder).filter((name) => name.endsWith('.json')),
      ['asked-for.json'],
    )
  },
)

t.test('what the system shows of the process carries no token and no value', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  const guard = canaryGuard(t)
  for (const file of ['cmdline', 'comm', 'stat', 'status', 'maps', 'limits', 'net/unix']) {
    guard.noLeak(file, readFileSync(`/proc/${sidecar.child.pid}/${file}`))
  }
})

t.test('what the cache of pattern secrets tells on its diagnostics channels has no value', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['found', 'CANARY-found-1']] })
  const folder = folderOf(t)
  const file = join(folder, 'told.txt')
  const preload = join(folder, 'preload.mjs')
  writeFileSync(
    preload,
    `import { appendFileSync } from 'node:fs'
    import diagnostics from 'node:diagnostics_channel'
    import { inspect } from 'node:util'
    const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']
    for (const name of ['lru-cache:metrics', ...events.map((event) => 'tracing:lru-cache:' + event)]) {
      diagnostics.subscribe(name, (message) => {
        appendFileSync(${JSON.stringify(file)}, inspect(message, { showHidden: true, depth: 12 }) + '\\n')
      })
    }`,
  )
  const config = simpleConfig(backend.url, {
    secrets: { '*': { provider: 'platform', refresh: '100ms', maxStale: '1h', required: true } },
  })
  const sidecar = await startReadySidecar(t, { config, nodeArgs: ['--import', preload] })
  t.equal((await sidecar.ask('/v1/secrets/found')).status, 200)
  backend.secrets.set('found', { value: 'CANARY-found-2' })
  await sidecar.says('secret rotated')
  t.equal((await sidecar.ask('/v1/secrets/found')).status, 200)
  const told = readFileSync(file, 'utf8')
  t.match(told, 'found', 'it tells what is held')
  canaryGuard(t).noLeak('what it tells', told)
})

t.test(
  'it starts no processes but those that are configured, no threads, and listens to no diagnostics',
  async (t) => {
    const forbidden = [
      'child_process',
      'worker_threads',
      'cluster',
      'diagnostics_channel',
      'async_hooks',
      'repl',
    ]
    const found = (await edgesOf(join(root, 'src'))).filter(({ specifier = '' }) =>
      forbidden.includes(specifier.replace(/^node:/, '')),
    )
    // Each of these is loaded only where a configuration asks for it: to run a program, or to keep identities apart.
    const allowed = [
      'programs/run.ts imports node:child_process',
      'providers/azure/identity-http.ts imports node:async_hooks',
      'providers/kubernetes/access/program.ts imports node:child_process',
    ]
    t.strictSame(found.map(({ from, specifier }) => `${from} imports ${specifier}`).sort(), allowed)
  },
)
