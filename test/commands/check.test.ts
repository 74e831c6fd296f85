import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { run, startChild } from '../support/process-child.ts'
import { configFile, folderOf } from '../support/process-sidecar.ts'

t.test('a right configuration is told with what it holds, and nothing is opened', async (t) => {
  const backend = await startBackend(t)
  const file = configFile(t, {
    providers: { platform: { type: 'http', url: backend.url } },
    secrets: { 'db-password': { provider: 'platform' }, 'shared/*': { provider: 'platform' } },
  })
  const { code, stdout, stderr } = await run(t, ['check', '--config', file])
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.equal(stdout, `${file}: the configuration is valid (1 provider, 2 rules)\n`)
  t.equal(backend.requests.length, 0)
})

t.test('it finds the configuration of the working directory, and that of the environment', async (t) => {
  const folder = folderOf(t)
  const alone = await run(t, ['check'], { cwd: folder, env: { SIDEKEEP_URL: 'http://127.0.0.1:9/secrets' } })
  t.match(alone, {
    code: 0,
    stdout: /^the environment: the configuration is valid/,
    stderr: /no token is sent/,
  })
  writeFileSync(join(folder, 'sidekeep.yaml'), 'providers: {}\nsecrets: {}\n')
  t.match(await run(t, ['check'], { cwd: folder }), {
    code: 0,
    stdout: /^\.\/sidekeep\.yaml: .*\(0 providers, 0 rules\)/,
  })
})

t.test('callers are counted, and their tokens read and judged', async (t) => {
  const folder = folderOf(t)
  const token = join(folder, 'web.token')
  const file = configFile(t, {
    api: {
      callers: { web: { tokens: [{ file: token }], allow: ['x'] } },
      listeners: [
        {
          listen: `unix:${join(folder, 'job.sock')}`,
          callers: { job: { tokens: [{ env: 'T' }], allow: ['x'] } },
        },
      ],
    },
    providers: { platform: { type: 'env', prefix: 'APP_' } },
    secrets: { x: { provider: 'platform' } },
  })
  const env = { T: 'CANARY-job-token-0123456789abcdef' }
  t.match(await run(t, ['check', '--config', file], { env }), {
    code: 0,
    stdout: /the configuration is valid \(1 provider, 1 rule, 2 callers\)/,
    stderr: `warning: api.callers.web.tokens[0] is to come from file ${token}, which does not exist: nobody is let in by it until it is there.\n`,
  })
  t.match(await run(t, ['token', '--file', token]), { code: 0 })
  t.match(await run(t, ['check', '--config', file], { env }), { code: 0, stderr: '' })

  writeFileSync(token, 'CANARY-weak')
  const weak = await run(t, ['check', '--config', file], { env })
  t.match(weak, { code: 78, stdout: '' })
  t.match(
    weak.stderr,
    `:1:37 api.callers.web.tokens[0]: expected a token of 128 bits or more, such as "sidekeep token" makes, got one from file ${token} that has 66 bits`,
  )
  t.notMatch(weak.stderr, 'CANARY-')
})

t.test('what is allowed and probably not meant is a warning', async (t) => {
  const file = configFile(t, {
    providers: { platform: { type: 'env', prefix: 'APP_' }, idle: { type: 'env', prefix: 'IDLE_' } },
    secrets: { x: { provider: 'platform' } },
  })
  const { code, stderr } = await run(t, ['check', '--config', file])
  t.equal(code, 0)
  t.match(stderr, /^warning: .*idle/m)
})

t.test('all that is wrong is told at once, each with its place, and no credential', async (t) => {
  const file = configFile(
    t,
    `api:
  listen: localhost:7575
  maxConections: 5
providers:
  platform:
    type: http
    url: ftp://CANARY-user:CANARY-password@host/
    token: [CANARY-token]
secrets:
  db-password: { provider: plattform, refresh: 10 minutes }
`,
  )
  const { code, stdout, stderr } = await run(t, ['check', '--config', file])
  t.match({ code, stdout }, { code: 78, stdout: '' })
  canaryGuard(t).noLeak('the list of errors', stderr)
  const places = [...stderr.matchAll(/sidekeep\.yaml:(\d+):\d+ (\S+):/g)].map(
    ([, line, path]) => `${line} ${path}`,
  )
  t.strictSame(places, [
    '2 api.listen',
    '3 api.maxConections',
    '7 providers.platform.url',
    '8 providers.platform.token',
    '10 secrets.db-password.provider',
    '10 secrets.db-password.refresh',
  ])
  t.match(stderr, 'did you mean "maxConnections"?')
  t.match(stderr, '127.0.0.1:7575')
  t.match(stderr, '(SIDEKEEP_CONFIG_INVALID)')
})

t.test('--connect fetches once and tells of each secret how that went, never a value', async (t) => {
  const backend = await startBackend(t, {
    token: 'CANARY-token',
    secrets: [
      ['db-password', { value: 'CANARY-db-password', version: '7' }],
      ['shared-note', { value: 'CANARY-note', version: '1' }],
    ],
  })
  const http = { type: 'http', url: backend.url, token: { env: 'AUTH_TOKEN' } }
  const file = configFile(t, {
    // Taken, if it were opened: the backend itself listens there.
    api: { listen: `127.0.0.1:${backend.port}` },
    providers: {
      good: http,
      denied: { ...http, token: 'CANARY-wrong-token' },
      down: { type: 'http', url: 'http://127.0.0.1:9/secrets' },
      'per-key': { ...http, url: `${backend.origin}/secrets/{key}` },
    },
    secrets: {
      'db-password': { provider: 'good' },
      absent: { provider: 'good' },
      'shared/*': { provider: 'good', key: 'shared-*' },
      locked: { provider: 'denied' },
      unreachable: { provider: 'down' },
      'asked/*': { provider: 'per-key' },
      mistaken: { provider: 'per-key', key: 'nowhere' },
    },
  })
  const { code, stdout, stderr } = await run(t, ['check', '--connect', '--config', file], {
    env: { AUTH_TOKEN: 'CANARY-token' },
  })
  canaryGuard(t).noLeak('the report', `${stdout}\n${stderr}`)
  t.match({ code, stderr }, { code: 1, stderr: '' })
  const [first, ...lines] = stdout.trimEnd().split('\n')
  t.match(first, 'the configuration is valid (4 providers, 7 rules)')
  t.match(lines.sort(), [
    /^-- {6}asked\/\*: a pattern; its provider lists none of its secrets, or cannot list$/,
    /^FAILED {2}absent: missing: its provider does not have it; is the key right\?$/,
    /^FAILED {2}locked: denied: /,
    /^FAILED {2}mistaken: missing: .*provider "per-key".* no secret with the key "nowhere"/,
    /^FAILED {2}unreachable: unavailable: .*refused/i,
    'ok      db-password: from good, version 7',
    'ok      shared/note: from good, version 1',
  ])
  t.equal(lines.length, 7)
})

t.test('--connect ends with 0 where every secret came', async (t) => {
  const backend = await startBackend(t, { secrets: [['db-password', 'CANARY-db-password']] })
  const file = configFile(t, {
    providers: { platform: { type: 'http', url: backend.url } },
    secrets: { 'db-password': { provider: 'platform' } },
  })
  const { code, stdout, stderr } = await run(t, ['check', '--connect', '--config', file])
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /^ok {6}db-password: from platform, version h-[0-9a-f]{16}$/m)
})

t.test('--connect tells of each file whether it could be written, and writes none', async (t) => {
  const folder = folderOf(t)
  const memory = existsSync('/dev/shm') ? mkdtempSync('/dev/shm/sk-') : undefined
  if (memory !== undefined) t.teardown(() => rmSync(memory, { recursive: true }))
  mkdirSync(join(folder, 'taken'))
  const ways = (more: object[]) =>
    configFile(t, {
      providers: { local: { type: 'env', prefix: 'APP_' } },
      secrets: { x: { provider: 'local', key: 'X' } },
      files: [
        ...(memory === undefined ? [] : [{ path: join(memory, 'all.json'), format: 'map', secrets: ['x'] }]),
        { path: join(folder, 'set'), format: 'directory', secrets: ['x'] },
        ...more,
      ],
    })
  const env = { APP_X: 'CANARY-x' }
  const fit = await run(t, ['check', '--connect', '--config', ways([])], { env })
  t.match({ code: fit.code, stderr: fit.stderr }, { code: 0, stderr: '' })
  if (memory !== undefined) {
    t.match(fit.stdout, `\nok      ${memory}/all.json: can be written, in memory\n`)
    t.strictSame(readdirSync(memory), [])
  }
  t.match(fit.stdout, `\nok      ${folder}/set: can be written`)
  const unfit = [
    { path: join(folder, 'taken'), format: 'map', secrets: ['x'] },
    { path: join(folder, 'none', 'x'), format: 'raw', secrets: ['x'], required: false },
  ]
  const { code, stdout } = await run(t, ['check', '--connect', '--config', ways(unfit)], { env })
  t.equal(code, 1)
  t.match(
    stdout,
    `\nFAILED  ${folder}/taken: place: cannot write ${folder}/taken: a folder lies there. Remove it, `,
  )
  t.match(
    stdout,
    `\nFAILED  ${folder}/none/x: place: cannot write ${folder}/none/x: the folder that it is to lie in does not exist (ENOENT). Mount a volume there`,
  )
  t.match(stdout, /^ok {6}x: from local/m)
  t.strictSame(readdirSync(folder), ['taken'])
})

t.test('a volume that does not answer keeps nobody waiting', async (t) => {
  const folder = folderOf(t)
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const file = configFile(t, {
    providers: { local: { type: 'env', prefix: 'APP_' } },
    secrets: { x: { provider: 'local', key: 'X' } },
    files: [
      { path: '/dead/all.json', format: 'map', secrets: ['x'] },
      { path: join(folder, 'all.json'), format: 'map', secrets: ['x'] },
    ],
  })
  // A thread of Node's hangs in a system call, as on a share whose server is gone: nobody writes to the pipe.
  const preload = join(folder, 'preload.mjs')
  writeFileSync(
    preload,
    `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { open } = fs.promises
    fs.promises.open = (path, ...rest) => (path === '/dead' ? open(${JSON.stringify(pipe)}, 'r') : open(path, ...rest))
    syncBuiltinESMExports()
    const real = setTimeout
    if (process.env.IN_HASTE) globalThis.setTimeout = (fn, ms) => real(fn, ms === 10_000 ? 300 : ms)`,
  )
  const given = (more = {}) => ({
    nodeArgs: ['--import', preload],
    env: { APP_X: 'CANARY-x', ...more },
  })
  const args = ['check', '--connect', '--config', file]

  await t.test('what is known is told at once, and that it hangs in time', async (t) => {
    const { stdout, signal } = await run(t, args, given({ IN_HASTE: '1' }))
    t.match(stdout, /^ok {6}x: from local/m)
    t.match(
      stdout,
      /^FAILED {2}\/dead\/all\.json: io: cannot write \/dead\/all\.json: its volume has not answered within 10 s\. Check the volume/m,
    )
    t.match(stdout, `\nok      ${folder}/all.json: can be written`)
    t.equal(signal, 'SIGKILL', 'Node itself would wait for the call')
  })

  await t.test('a signal does not wait for it', async (t) => {
    const child = startChild(t, args, given())
    await eventually('the secrets are told', () => /^ok {6}x: /m.test(child.stdout))
    child.signal('SIGTERM')
    const { signal, stderr, stdout } = await child.ended(8_000)
    t.equal(signal, 'SIGKILL')
    t.match(stderr, 'sidekeep: SIGTERM: stopped before all files were tried')
    t.notMatch(stdout, 'FAILED')
  })
})

t.test(
  'a signal during --connect ends the program that is run, a second one also where it resists',
  async (t) => {
    for (const [trap, signals] of [
      [`trap 'echo told > "$1.term"; exit 1' TERM`, ['SIGINT']],
      ['trap "" TERM', ['SIGTERM', 'SIGINT']],
    ] as const) {
      const marker = join(t.testdir({}), 'pid')
      const body = `${trap}; echo $$ > "$1"; while :; do sleep 0.05; done`
      const file = configFile(t, {
        providers: { local: { type: 'exec', command: ['/bin/sh', '-c', body, 'sh', marker] } },
        secrets: { x: { provider: 'local' } },
      })
      const child = startChild(t, ['check', '--connect', '--config', file])
      const pid = await eventually('the program runs', () => {
        const text = existsSync(marker) ? readFileSync(marker, 'utf8') : ''
        return text.endsWith('\n') && Number(text)
      })
      const [first, second] = signals
      t.teardown(() => isAlive(pid) && process.kill(pid, 'SIGKILL'))
      child.signal(first)
      // Of another kind, so that the system does not merge the two.
      if (second !== undefined) child.signal(second)
      const { code, stdout, stderr } = await child.ended()
      t.equal(code, 1)
      t.notMatch(stdout, /ok|FAILED/)
      if (second === undefined) {
        t.match(stderr, 'sidekeep: SIGINT: stopped before all secrets were fetched')
        t.ok(existsSync(`${marker}.term`))
      } else t.equal(stderr, '', 'it was not waited for')
      await eventually('the program is gone', () => !isAlive(pid))
    }
  },
)

t.test('a proxy with all that it can have is valid, and nothing about it is warned of', async (t) => {
  const file = configFile(
    t,
    `
providers: { local: { type: env, prefix: APP_ } }
secrets: { shared/tls: { provider: local, key: TLS, required: true } }
proxy:
  listen: 0.0.0.0:8080
  upstream: http://127.0.0.1:3000
  trustedProxies: [10.0.0.0/8]
  tls: { cert: { secret: shared/tls, field: tls.crt }, key: { secret: shared/tls, field: tls.key } }
  timeouts: { connect: 2s, headers: 30s, idle: 60s, request: 0s }
  maxBody: 0
  concurrency: { max: 512, queue: 128, queueTimeout: 1s }
  limits:
    - name: per-client
      match: { path: "/api/*", methods: [GET, POST] }
      key: client-ip
      rate: 100/s
      burst: 200
      mode: enforce
    - { name: global, rate: 5000/s, burst: 5000 }
  exempt: ["/healthz"]
  store: memory
  onStoreFailure: local
  rateLimitHeaders: draft
  access: { log: sampled }
`,
  )
  t.match(await run(t, ['check', '--config', file]), {
    code: 0,
    stdout: `${file}: the configuration is valid (1 provider, 1 rule)\n`,
    stderr: '',
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
