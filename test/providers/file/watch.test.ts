import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Clock, systemClock } from '../../../src/secrets/clock.ts'
import type { ProviderContext } from '../../../src/secrets/provider.ts'
import { texts } from '../conformance.ts'
import { asNobody, fileProvider, Mount, publicDirectory } from './support.ts'

/** What arrives one after the other, to be awaited in that order. */
class Queue<T> {
  readonly #items: T[] = []
  readonly #takers: ((item: T) => void)[] = []

  push(item: T): void {
    const taker = this.#takers.shift()
    if (taker === undefined) this.#items.push(item)
    else taker(item)
  }

  take(): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>()
    const [item] = this.#items.splice(0, 1)
    if (item === undefined) this.#takers.push(resolve)
    else resolve(item)
    return promise
  }
}

interface Change {
  readonly key: string | undefined
}

interface Watched {
  readonly changes: Queue<Change>
  readonly stop: () => Promise<void>
}

/** An hour between two looks: what is noticed sooner was reported by the file system. */
const never = 3_600_000

async function watched(
  t: Test,
  path: string,
  around: Partial<ProviderContext> = {},
  poll = never,
): Promise<Watched> {
  const provider = await fileProvider(t, path, { poll }, around)
  const controller = new AbortController()
  const changes = new Queue<Change>()
  const watching = provider.watch?.((key) => changes.push({ key }), controller.signal)
  const stop = async (): Promise<void> => {
    controller.abort()
    await watching
  }
  // Neither a watch nor its timers keep a process alive: in the sidecar its listeners do, here this.
  const alive = setInterval(() => {}, never)
  t.teardown(async () => {
    clearInterval(alive)
    await stop()
  })
  return { changes, stop }
}

/** A clock whose timers run when the test says so. */
function manualClock(): { clock: Clock; timers: Queue<{ ms: number; fire: () => void }> } {
  const timers = new Queue<{ ms: number; fire: () => void }>()
  const clock: Clock = {
    ...systemClock,
    setTimer(fn, ms) {
      timers.push({ ms, fire: fn })
      return { cancel: () => {} }
    },
  }
  return { clock, timers }
}

/** The file system's reports with the clock's first timer as the sign that the watch has begun. */
async function reported(t: Test, path: string): Promise<Watched> {
  const begun = Promise.withResolvers<void>()
  const clock: Clock = {
    ...systemClock,
    setTimer(fn, ms) {
      begun.resolve()
      return systemClock.setTimer(fn, ms)
    },
  }
  const watching = await watched(t, path, { clock })
  await begun.promise
  return watching
}

t.test('a file that changes in a directory is reported by its name', async (t) => {
  const path = t.testdir({ user: 'CANARY-1', password: 'CANARY-1' })
  const { changes } = await reported(t, path)
  writeFileSync(join(path, 'password'), 'CANARY-2')
  t.same(await changes.take(), { key: 'password' })
  writeFileSync(join(path, 'added'), 'CANARY-3')
  t.same(await changes.take(), { key: 'added' })
  rmSync(join(path, 'user'))
  t.same(await changes.take(), { key: 'user' })
})

t.test('the swap of a Kubernetes mount is one change of anything', async (t) => {
  const mount = new Mount(t.testdir({}), texts({ user: 'CANARY-1', password: 'CANARY-1' }))
  const { changes } = await reported(t, mount.path)
  mount.swap(texts({ user: 'CANARY-2', password: 'CANARY-2' }))
  t.same(await changes.take(), { key: undefined })
})

t.test('a single file is noticed when it is written and when it is replaced', async (t) => {
  const directory = t.testdir({ 'secrets.json': '{}', other: '' })
  const path = join(directory, 'secrets.json')
  const { changes } = await reported(t, path)
  writeFileSync(path, '{"key":"CANARY-1"}')
  t.same(await changes.take(), { key: undefined })
  writeFileSync(join(directory, 'next'), '{"key":"CANARY-2"}')
  renameSync(join(directory, 'next'), path)
  t.same(await changes.take(), { key: undefined })
})

t.test('what the file system does not report is found by looking', async (t) => {
  const directory = t.testdir({ real: { 's.json': '{}' }, linked: {} })
  const path = join(directory, 'linked', 's.json')
  symlinkSync(join(directory, 'real', 's.json'), path)
  const { clock, timers } = manualClock()
  const { changes } = await watched(t, path, { clock }, 700)

  const first = await timers.take()
  t.equal(first.ms, 700)
  writeFileSync(join(directory, 'real', 's.json'), '{"key":"CANARY-1"}')
  first.fire()
  t.same(await changes.take(), { key: undefined })

  // The same size and the same time of modification: the change is still seen.
  const second = await timers.take()
  writeFileSync(join(directory, 'real', 's.json'), '{"key":"CANARY-2"}')
  utimesSync(join(directory, 'real', 's.json'), 1, 1)
  second.fire()
  t.same(await changes.take(), { key: undefined })
})

t.test('a path that is not there yet, goes away, or is replaced is watched on', async (t) => {
  const parent = t.testdir({})
  const path = join(parent, 'secrets')
  const { clock, timers } = manualClock()
  const { changes } = await watched(t, path, { clock })
  const put = (value: string): void => {
    writeFileSync(join(parent, 'complete'), value)
    renameSync(join(parent, 'complete'), join(path, 'key'))
  }
  const look = async (): Promise<Change> => {
    const taken = changes.take()
    let seen = false
    void taken.then(() => {
      seen = true
    })
    // Reports of the file system ask for looks of their own: all of them are due at once here.
    while (!seen) (await timers.take()).fire()
    return await taken
  }
  const first = await timers.take()
  mkdirSync(path)
  first.fire()
  t.same(await look(), { key: undefined })
  put('CANARY-1')
  t.same(await look(), { key: 'key' })
  renameSync(path, join(parent, 'old'))
  t.same(await look(), { key: undefined })
  mkdirSync(path)
  t.same(await look(), { key: undefined })
  put('CANARY-2')
  t.same(await look(), { key: 'key' })
})

t.test('a directory that cannot be watched is looked at, and that is said once', async (t) => {
  const path = publicDirectory(t, { key: 'CANARY-1' })
  // May be entered and looked at by name, but not read, and so not watched.
  chmodSync(path, 0o311)
  const warnings: string[] = []
  const { clock, timers } = manualClock()
  const restore = asNobody()
  try {
    const { stop } = await watched(t, path, { clock, warn: (message) => warnings.push(message) })
    const first = await timers.take()
    first.fire()
    const second = await timers.take()
    t.match(warnings, [/provider "backend": .* cannot be watched \(EACCES\)/])
    t.equal(warnings.length, 1)
    second.fire()
    await stop()
  } finally {
    restore()
    chmodSync(path, 0o700)
  }
})

t.test('a watch ends when its signal aborts, also before it began', async (t) => {
  const path = t.testdir({})
  const { stop } = await reported(t, path)
  await stop()
  const provider = await fileProvider(t, path)
  await provider.watch?.(() => t.fail('nothing changed'), AbortSignal.abort())
})
