import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../../support/e2e-eventually.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'
import { failureOf, signal, text } from '../conformance.ts'
import { execProvider, isAlive, Marker, script } from './support.ts'

/** Programs that are alive are ended with the test, whatever it finds. */
function endedWith(t: Test, pid: number): number {
  t.teardown(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  return pid
}

t.test('a program that takes too long gets SIGTERM, and SIGKILL where that does not help', async (t) => {
  const marker = new Marker(t)
  const path = script(
    t,
    'trap "echo told > $1.term" TERM; echo $$ > "$1"; while kill -0 $PPID; do sleep 0.01; done',
  )
  const clock = new VirtualClock()
  const provider = execProvider(t, [path, marker.path, '{key}'], { timeout: 5000 }, { clock })
  const failed = failureOf(provider.fetch(['key'], signal()))
  const pid = endedWith(t, await marker.pid())
  await clock.advance(4999)
  t.equal(clock.next, 1)
  await clock.advance(1)
  t.match(await failed, { kind: 'unavailable', reason: 'timeout' })
  await eventually('SIGTERM arrives', () => readdirSync(join(marker.path, '..')).includes('marker.term'))
  t.ok(isAlive(pid))
  await clock.advance(2000)
  await marker.gone()
})

t.test('what the program has started ends with it', async (t) => {
  const [parent, child] = [new Marker(t, 'parent'), new Marker(t, 'child')]
  const grandchild = script(t, 'trap "" TERM; echo $$ > "$1"; while :; do sleep 0.01; done')
  const body = `${grandchild} "$2" & echo $$ > "$1"; wait`
  const provider = execProvider(t, ['/bin/sh', '-c', body, 'sh', parent.path, child.path, '{key}'])
  const controller = new AbortController()
  const failed = failureOf(provider.fetch(['key'], controller.signal))
  const pids = [await parent.pid(), await child.pid()]
  for (const pid of pids) endedWith(t, pid)
  controller.abort()
  t.match(await failed, { kind: 'unavailable', reason: 'aborted' })
  await parent.gone()
  await eventually('the other is gone', () => !isAlive(pids[1] ?? 0) || isZombie(pids[1] ?? 0))
})

t.test('a program that ends and leaves its output open to another is not waited for', async (t) => {
  for (const leave of ['sleep 1000', 'exec setsid sleep 1000']) {
    const marker = new Marker(t)
    const clock = new VirtualClock()
    const body = `(echo $(exec sh -c 'echo $PPID') > "$1"; ${leave}) & echo CANARY-value`
    const provider = execProvider(t, ['/bin/sh', '-c', body, 'sh', marker.path, '{key}'], {}, { clock })
    const fetching = provider.fetch(['key'], signal())
    endedWith(t, await marker.pid())
    await eventually('the program has ended', () => clock.pending === 2)
    await clock.advance(100)
    await settle()
    t.equal(text((await fetching).get('key')), 'CANARY-value')
    t.equal(clock.pending, 0)
  }
})

t.test('output that goes on for ever is cut at maxBody', async (t) => {
  const marker = new Marker(t)
  const body = 'echo $$ > "$1"; exec cat /dev/zero'
  const provider = execProvider(t, ['/bin/sh', '-c', body, 'sh', marker.path, '{key}'], { maxBody: 1000 })
  t.match(await failureOf(provider.fetch(['key'], signal())), { reason: 'oversized' })
  await marker.gone()
})

t.test('standard error is taken and forgotten, however much there is', async (t) => {
  const body = 'head -c 3000000 /dev/zero >&2; echo CANARY-value'
  const provider = execProvider(t, ['/bin/sh', '-c', body, 'sh', '{key}'], { maxBody: 1000 })
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
})

t.test('no more programs are alive than calls may be under way', async (t) => {
  const dir = t.testdir({})
  const body = 'touch "$1/$2"; ls "$1" | wc -l >> "$1.seen"; sleep 0.02; rm "$1/$2"; echo value'
  const provider = execProvider(t, ['/bin/sh', '-c', body, 'sh', dir, '{key}'], { maxConcurrentCalls: 3 })
  const keys = Array.from({ length: 30 }, (_, n) => `k${n}`)
  const results = await Promise.all([
    provider.fetch(keys.slice(0, 15), signal()),
    provider.fetch(keys.slice(15), signal()),
  ])
  const values = results.flatMap((result) => [...result.values()].map(text))
  t.strictSame(
    values,
    keys.map(() => 'value'),
  )
  const seen = readFileSync(`${dir}.seen`, 'utf8').trim().split('\n').map(Number)
  t.ok(Math.max(...seen) <= 3, `${Math.max(...seen)} at a time`)
})

t.test('who waits for a run while others hang is answered in time', async (t) => {
  const marker = new Marker(t)
  const clock = new VirtualClock()
  const command = ['/bin/sh', '-c', 'echo $$ > "$1"; exec sleep 1000', 'sh', marker.path, '{key}']
  const provider = execProvider(t, command, { maxConcurrentCalls: 1, timeout: 1000 }, { clock })
  const first = failureOf(provider.fetch(['key'], signal()))
  await marker.pid()
  await clock.advance(500)
  const controller = new AbortController()
  const second = failureOf(provider.fetch(['key'], controller.signal))
  const third = failureOf(provider.fetch(['key'], controller.signal))
  await settle()
  controller.abort()
  for (const given of [second, third]) t.match(await given, { reason: 'aborted' })
  await clock.advance(500)
  t.match(await first, { reason: 'timeout' })
  await marker.gone()
})

t.test('closing ends every run, and none begins afterwards', async (t) => {
  const markers = [new Marker(t, 'a'), new Marker(t, 'b')]
  const body = 'echo $$ > "$1"; exec sleep 1000'
  const provider = execProvider(t, ['/bin/sh', '-c', `${body}`, 'sh', '{key}'])
  const fetching = markers.map(({ path }) =>
    provider.fetch([path], signal()).catch((error: unknown) => error),
  )
  const pids = await Promise.all(markers.map((marker) => marker.pid()))
  await provider.close?.()
  for (const pid of pids) t.notOk(isAlive(pid), 'it is gone when close resolves')
  for (const given of fetching) t.match(await given, { reason: 'aborted' })
  t.match(await failureOf(provider.fetch(['key'], signal())), { reason: 'aborted' })
})

t.test(
  'runs leave neither descriptors nor processes nor timers behind',
  { skip: process.platform !== 'linux' && 'only Linux has /proc' },
  async (t) => {
    const clock = new VirtualClock()
    const path = join(t.testdir({}), 'value')
    writeFileSync(path, 'CANARY-value')
    const good = execProvider(t, ['/bin/cat', path, '{key}'.replace('{key}', path)], {}, { clock })
    const bad = execProvider(t, ['/nowhere/program', '{key}'], {}, { clock })
    const failing = execProvider(t, ['/bin/sh', '-c', 'exit 3', 'sh', '{key}'], {}, { clock })
    const round = async (): Promise<void> => {
      for (const provider of [good, bad, failing]) await failureOf(provider.fetch(['key'], signal()))
    }
    await round()
    const before = readdirSync('/proc/self/fd').length
    for (let n = 0; n < 20; n++) await round()
    await eventually('descriptors are closed', () => readdirSync('/proc/self/fd').length <= before)
    t.equal(clock.pending, 0)
    t.strictSame(zombies(), [])
  },
)

/** Children of this process that have ended and that nobody has waited for. */
function zombies(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isZombie(pid) && stat(pid)[1] === String(process.pid))
}

/** State, and number of the parent. */
function stat(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

/** What init has not waited for yet is gone for all that matters here. */
function isZombie(pid: number): boolean {
  return stat(pid)[0] === 'Z'
}
