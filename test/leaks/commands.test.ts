/** Every command as a process of its own, and the sidecar that they ask, while its backends misbehave in all ways. */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { traceOf } from '../support/canary.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { type Child, run, startChild } from '../support/process-child.ts'
import { configFile, folderOf, SidecarProcess, token } from '../support/process-sidecar.ts'
import { kinds, startFaultyBackends } from './support/backends.ts'
import { callers, headersOf, tokenVariables } from './support/callers.ts'
import { type Invocation, invocations, type Places } from './support/invocations.ts'
import { Judge } from './support/judge.ts'

const env = { AUTH_TOKEN: token, ...tokenVariables }

/** What a library could do to us, and an operator who wants to know: a crash with foreign texts, and a report. */
const preload = `
process.on('SIGUSR2', () => {
  process.report.writeReport('report.json')
  const cause = new Error('CANARY-cause')
  const error = new TypeError('cannot parse CANARY-message', { cause })
  setTimeout(() => { throw Object.assign(error, { code: 'ERR_LIBRARY', input: 'CANARY-input' }) })
})`

t.test('the table has every command', async (t) => {
  const { stdout } = await run(t, ['--help'])
  const commands = [...stdout.matchAll(/^ {2}(\w+) {2,}\S/gm)].map(([, name = '']) => name)
  t.ok(commands.length > 5)
  t.strictSame(Object.keys(invocations).sort(), commands.sort(), 'test/leaks/support/invocations.ts')
})

t.test('no command, and nothing of the sidecar that it asks, says what it must not', async (t) => {
  const judge = new Judge()
  const folder = folderOf(t)
  const inFolder = (name: string): string => join(folder, name)
  const [audit, weakFile, tokenFile] = [inFolder('audit.log'), inFolder('weak'), inFolder('token')]
  writeFileSync(tokenFile, tokenVariables.ALL_TOKEN)
  writeFileSync(weakFile, 'CANARY-weak-51b0c7e2d8f3a496')
  writeFileSync(inFolder('preload.mjs'), preload)
  const backends = await startFaultyBackends(t)
  const config = {
    ...backends.config,
    api: { listen: '127.0.0.1:0', callers },
    audit: { file: audit },
    log: { level: 'trace' },
  }
  const file = configFile(t, config)
  const weak = { tokens: [{ file: weakFile }], allow: ['*'] }
  const running = { ...config, api: { ...config.api, callers: { ...callers, weak } } }
  const child = startChild(t, ['run', '--config', configFile(t, running)], {
    env,
    cwd: folder,
    nodeArgs: ['--import', inFolder('preload.mjs')],
  })
  const sidecar = new SidecarProcess(child)
  await sidecar.says('ready: all required secrets are held')
  const all = { headers: headersOf('all') }
  for (const kind of kinds) {
    await eventually(
      `${kind}/held`,
      async () => (await sidecar.ask(`/v1/secrets/${kind}/held`, all)).status === 200,
    )
  }
  // From now on it is no token: after a while the sidecar says so.
  writeFileSync(weakFile, 'CANARY-weak')
  backends.begin()
  await eventually('every fault', async () => {
    // Within a second of the last call, whoever asks gets what that brought.
    await sidecar.ask('/v1/refresh', { ...all, method: 'POST' })
    const failed = new Set(sidecar.logged('refresh failed').map(({ provider }) => provider))
    const isGone = (await sidecar.ask('/v1/secrets/keys/held', all)).status === 404
    return isGone && failed.size === kinds.length - 1
  })

  const places: Places = {
    config: file,
    wrongConfig: configFile(t, {
      ...config,
      audit: { file: 'CANARY\0', token: 'CANARY-misplaced' },
      api: { callers: 1 },
    }),
    api: sidecar.api,
    tokenFile,
    weakFile,
    newFile: inFolder('new'),
  }
  await callAll(
    t,
    judge,
    Object.values(invocations).flatMap((of) => of(places)),
  )

  await sidecar.says('a token lets nobody in')
  judgeSystem(judge, child)
  child.signal('SIGUSR2')
  const { code, stdout, stderr } = await child.ended()
  t.equal(code, 1)
  t.match(stderr, 'sidekeep: TypeError ERR_LIBRARY\n')
  for (const line of stdout.split('\n')) judge.output('the log of run', line)
  judge.output('the crash of run', stderr)
  for (const line of readFileSync(audit, 'utf8').split('\n')) judge.output('the audit', line)
  judge.output('the diagnostic report', readFileSync(inFolder('report.json')))
  t.strictSame(judge.leaks, [])
  t.equal(judge.values, 1, 'what get printed was there to leak')
})

/** As many at a time as the machine has cores. */
async function callAll(t: Test, judge: Judge, all: readonly Invocation[]): Promise<void> {
  const left = [...all]
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await call(t, judge, next)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

async function call(
  t: Test,
  judge: Judge,
  { args, env: more = {}, code, prints }: Invocation,
): Promise<void> {
  const title = `sidekeep ${args.slice(0, 2).join(' ')}`
  const child = startChild(t, args, { env: { ...env, ...more } })
  // Only whoever is still there can be looked at; all of them are at their start.
  if (existsSync(`/proc/${child.pid}/cmdline`)) {
    judge.output(`the command line of ${title}`, readFileSync(`/proc/${child.pid}/cmdline`))
  }
  const ended = await child.ended()
  t.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`)
  judge.output(`the stderr of ${title}`, ended.stderr)
  if (prints === 'a value') {
    if (/^CANARY-[a-z]+-held\n$/.test(ended.stdout)) judge.values += 1
  } else if (prints === undefined) judge.output(`the stdout of ${title}`, ended.stdout)
  const path = args[args.indexOf('--file') + 1]
  if (args[0] === 'token' && code === 0 && path !== undefined && existsSync(path)) {
    const written = traceOf(readFileSync(path, 'utf8').trim())
    t.equal(written(ended.stdout + ended.stderr), undefined, 'a token that is written is not printed')
  }
}

/** What the system shows of a process to others. */
function judgeSystem(judge: Judge, { pid }: Child): void {
  for (const file of [`/proc/${pid}/cmdline`, ...globSync(`/proc/${pid}/task/*/{comm,children}`)]) {
    judge.output(file.replace(/\d+/g, 'N'), readFileSync(file))
  }
}
