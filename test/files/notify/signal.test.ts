import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { signalTeller } from '../../../src/files/notify/signal.ts'
import { systemClock } from '../../../src/secrets/clock.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'
import { world } from './support.ts'

/** A program that says each SIGHUP on its standard output, and ends with this process, which may be cut short. */
function listener(t: Test): { child: ChildProcess; line: () => Promise<string> } {
  const body = 'trap "echo hup" HUP; echo ready; while kill -0 $PPID; do sleep 0.02; done'
  const child = spawn('/bin/sh', ['-c', body], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  return {
    child,
    line: () =>
      new Promise((resolve) => child.stdout?.once('data', (chunk: Buffer) => resolve(`${chunk}`.trim()))),
  }
}

function tellerOf(signal: 'SIGHUP' | 'SIGTERM', path: string, kill: (pid: number) => void) {
  return signalTeller({ signal, pidFile: { path, timeout: 10_000, clock: systemClock }, kill })
}

t.test(
  'the process whose number the file holds gets the signal, and the file is read each time',
  async (t) => {
    const folder = t.testdir({})
    const pidFile = join(folder, 'app.pid')
    symlinkSync('real.pid', pidFile)
    const { notifier, told } = world(t, [{ signal: 'SIGHUP', pidFile }])
    for (const [index, end] of ['', '\n'].entries()) {
      const { child, line } = listener(t)
      t.equal(await line(), 'ready')
      writeFileSync(join(folder, 'real.pid'), `${child.pid}${end}`)
      const heard = line()
      notifier.changed(['a'])
      t.match(await told(index), { kind: 'signal', outcome: 'ok' })
      t.equal(await heard, 'hup')
    }
  },
)

t.test('a file that holds no number of a process that may be meant is a failed attempt', async (t) => {
  const folder = t.testdir({ folder: {} })
  const sent: number[] = []
  const tell = (path: string) =>
    tellerOf('SIGTERM', path, (pid) => sent.push(pid))(
      { path: '/shared/app.json', changed: [] },
      new AbortController().signal,
    )
  const file = join(folder, 'pid')
  const bad = ['', '\n', '0', '-1', '1', '01', '+7', ' 7', '7 ', '7\n\n', '7\n8', '0x10', '1e3', '4194305']
  for (const text of [...bad, `${process.pid}`, '9'.repeat(40), 'CANARY-password', '-'.repeat(5000)]) {
    writeFileSync(file, text)
    const error = await tell(file).catch((error: unknown) => error)
    t.match(error, { name: 'NotifyError', reason: 'place' }, JSON.stringify(text.slice(0, 20)))
    t.notMatch(String(error), 'CANARY')
  }
  t.strictSame(sent, [])
  // So high that none of them is likely a thread of what runs beside the test.
  for (const text of ['4194302', '4194304\n', '4194303\r\n']) {
    writeFileSync(file, text)
    await tell(file)
  }
  t.strictSame(sent, [4194302, 4194304, 4194303])

  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const path of [pipe, join(folder, 'folder')]) {
    t.match(await tell(path).catch((error: unknown) => error), { reason: 'place' }, 'no regular file')
  }
  const missing = await tell(join(folder, 'none')).catch((error: unknown) => error)
  t.match(missing, { reason: 'place', message: /ENOENT/, remedy: /volume that both containers mount/ })
})

t.test('the number of a thread is not its process’s: the sidecar does not signal itself', async (t) => {
  const pidFile = join(t.testdir({}), 'pid')
  const thread = readdirSync('/proc/self/task').find((id) => Number(id) !== process.pid)
  t.ok(thread, 'Node has threads beside its main one')
  writeFileSync(pidFile, `${thread}`)
  const sent: number[] = []
  const tell = tellerOf('SIGHUP', pidFile, (pid) => sent.push(pid))
  const error = await tell({ path: '/shared/app.json', changed: [] }, new AbortController().signal).catch(
    (error: unknown) => error,
  )
  t.match(error, { reason: 'place', message: /thread of the sidecar/, remedy: /shareProcessNamespace: true/ })
  t.strictSame(sent, [])
})

t.test('a process that is gone, or another user’s, is told with what a pod needs', async (t) => {
  const pidFile = join(t.testdir({}), 'pid')
  const child = spawn('/bin/true')
  await new Promise((resolve) => child.once('exit', resolve))
  writeFileSync(pidFile, `${child.pid}`)
  const { notifier, told } = world(t, [{ signal: 'SIGHUP', pidFile }])
  notifier.changed(['a'])
  t.match((await told(0)).error, { reason: 'gone', remedy: /shareProcessNamespace: true/ })

  const denied = tellerOf('SIGHUP', pidFile, () => {
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
  })({ path: '/shared/app.json', changed: [] }, new AbortController().signal)
  t.match(await denied.catch((error: unknown) => error), { reason: 'denied', remedy: /runAsUser/ })
})

t.test('a file on a share that does not answer', async (t) => {
  const change = { path: '/shared/app.json', changed: [] }
  const hanging = () => {
    const clock = new VirtualClock()
    const answers: ((text: string) => void)[] = []
    const sent: number[] = []
    const tell = signalTeller({
      signal: 'SIGHUP',
      kill: (pid) => sent.push(pid),
      pidFile: {
        path: '/nfs/app.pid',
        timeout: 5_000,
        clock,
        read: () => new Promise((resolve) => answers.push(resolve)),
        readings: new Map(),
      },
    })
    const failure = (signal = new AbortController().signal): Promise<unknown> =>
      tell(change, signal).then(
        () => undefined,
        (error: unknown) => error,
      )
    return { clock, answers, sent, failure }
  }

  t.test('is given up in time, with its path', async (t) => {
    const { clock, failure } = hanging()
    const told = failure()
    await clock.advance(5_000)
    t.match(await told, {
      name: 'NotifyError',
      reason: 'timeout',
      message: 'pidFile /nfs/app.pid could not be read within 5000 ms',
      remedy: /share whose server does not answer/,
    })
    t.equal(clock.pending, 0)
  })

  t.test('is not read a second time beside that, but anew once it has answered', async (t) => {
    const { clock, answers, sent, failure } = hanging()
    const first = failure()
    await clock.advance(5_000)
    await first
    const second = failure()
    await clock.advance(5_000)
    t.match(await second, { reason: 'timeout' })
    t.equal(answers.length, 1)
    const third = failure()
    answers[0]?.('4194301')
    await settle()
    answers[1]?.('4194302')
    t.equal(await third, undefined)
    t.strictSame(sent, [4194302], 'what is there now, and once')
    t.equal(answers.length, 2)
  })

  t.test('is read once at a time, however many want it', async (t) => {
    const clock = new VirtualClock()
    const answers: ((text: string) => void)[] = []
    const sent: number[] = []
    // As each file's notifications have one of their own.
    const tellers = ['/nfs/pids/app.pid', '/nfs/pids/app.pid', '/nfs/pids/../pids/app.pid'].map((path) =>
      signalTeller({
        signal: 'SIGHUP',
        kill: (pid) => sent.push(pid),
        pidFile: {
          path,
          timeout: 5_000,
          clock,
          read: () => new Promise((resolve) => answers.push(resolve)),
        },
      }),
    )
    const tellAll = (): Promise<PromiseSettledResult<void>[]> =>
      Promise.allSettled(tellers.map((tell) => tell(change, new AbortController().signal)))
    const late = tellAll()
    await clock.advance(5_000)
    for (const each of await late) t.match(each, { status: 'rejected', reason: { reason: 'timeout' } })
    t.equal(answers.length, 1)
    const next = tellAll()
    for (let at = 0; at < 4; at += 1) {
      await settle()
      t.equal(answers.length, at + 1, 'one after the other')
      answers[at]?.(`419430${at}`)
    }
    for (const each of await next) t.match(each, { status: 'fulfilled' })
    t.strictSame(sent, [4194301, 4194302, 4194303])
    t.equal(clock.pending, 0)
  })

  t.test('keeps no end waiting', async (t) => {
    const { clock, answers, sent, failure } = hanging()
    const closing = new AbortController()
    const told = failure(closing.signal)
    await settle()
    closing.abort()
    t.match(await told, { name: 'AbortError' })
    t.equal(clock.pending, 0)
    answers[0]?.('4194302')
    await settle()
    t.strictSame(sent, [])
  })
})
