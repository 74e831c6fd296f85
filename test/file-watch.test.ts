import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FileWatch } from '../src/file-watch.ts'
import { eventually } from './support/e2e-eventually.ts'
import { VirtualClock } from './support/virtual-clock.ts'

interface Rig {
  readonly folder: string
  readonly path: string
  readonly clock: VirtualClock
  readonly watch: FileWatch
  looks: number
}

/** A watch over a file; its time stands still, that of the file system's reports does not. */
function rigOf(t: Test): Rig {
  const folder = t.testdir({ 'sidekeep.yaml': 'a' })
  const clock = new VirtualClock()
  const path = join(folder, 'sidekeep.yaml')
  const watch = new FileWatch({
    path,
    clock,
    look: () => {
      rig.looks += 1
    },
  })
  const rig: Rig = { folder, path, clock, watch, looks: 0 }
  t.teardown(() => watch.close())
  return rig
}

/** Does something until a look follows within 100 ms of the clock: the watch may not have begun yet. */
async function untilSeen(rig: Rig, act: () => void): Promise<void> {
  const before = rig.looks
  await eventually('a look', async () => {
    act()
    await new Promise((resolve) => setImmediate(resolve))
    await rig.clock.advance(100)
    return rig.looks > before
  })
}

t.test('it looks every poll, whether or not anything is reported', async (t) => {
  const rig = rigOf(t)
  rig.watch.set({ watch: true, poll: 5_000 })
  await rig.clock.advance(4_999)
  t.equal(rig.looks, 0)
  await rig.clock.advance(10_001)
  t.equal(rig.looks, 3)
  rig.watch.set({ watch: true, poll: 60_000 })
  await rig.clock.advance(59_999)
  t.equal(rig.looks, 3, 'the interval may change')
  await rig.clock.advance(1)
  t.equal(rig.looks, 4)
})

t.test('it looks soon where somebody has reason to, unless the watch is off', async (t) => {
  const rig = rigOf(t)
  rig.watch.soon()
  await rig.clock.advance(1_000)
  t.equal(rig.looks, 0)
  rig.watch.set({ watch: true, poll: 5_000 })
  rig.watch.soon()
  await rig.clock.advance(100)
  t.equal(rig.looks, 1)
})

t.test('it begins, ends and begins again', async (t) => {
  const rig = rigOf(t)
  rig.watch.set({ watch: false, poll: 1_000 })
  await rig.clock.advance(10_000)
  t.equal(rig.looks, 0)
  rig.watch.set({ watch: true, poll: 1_000 })
  await rig.clock.advance(1_000)
  t.equal(rig.looks, 1)
  rig.watch.set({ watch: false, poll: 1_000 })
  await rig.clock.advance(10_000)
  t.equal(rig.looks, 1)
  t.equal(rig.clock.pending, 0, 'no timer is left')
})

t.test('a change is seen soon: in place, by replacement, by the swap of a ConfigMap', async (t) => {
  const rig = rigOf(t)
  rig.watch.set({ watch: true, poll: 3_600_000 })
  await untilSeen(rig, () => writeFileSync(rig.path, 'b'))
  await rig.clock.advance(1_000)
  await untilSeen(rig, () => {
    writeFileSync(join(rig.folder, 'new'), 'c')
    renameSync(join(rig.folder, 'new'), rig.path)
  })
  await rig.clock.advance(1_000)
  await untilSeen(rig, () => {
    symlinkSync('..2026', join(rig.folder, '..data_tmp'))
    renameSync(join(rig.folder, '..data_tmp'), join(rig.folder, '..data'))
  })
})

t.test('a file that never rests is looked at once a second', async (t) => {
  const rig = rigOf(t)
  rig.watch.set({ watch: true, poll: 3_600_000 })
  await untilSeen(rig, () => writeFileSync(rig.path, 'b'))
  const before = rig.looks
  for (let elapsed = 0; elapsed < 5_000; elapsed += 10) {
    writeFileSync(rig.path, String(elapsed))
    await new Promise((resolve) => setImmediate(resolve))
    await rig.clock.advance(10)
  }
  t.ok(rig.looks - before <= 5, `${rig.looks - before} looks in 5 s`)
  t.ok(rig.looks - before >= 3, `${rig.looks - before} looks in 5 s`)
})

t.test('other files of the folder are nobody’s business', async (t) => {
  const rig = rigOf(t)
  rig.watch.set({ watch: true, poll: 3_600_000 })
  await untilSeen(rig, () => writeFileSync(rig.path, 'b'))
  await rig.clock.advance(2_000)
  const before = rig.looks
  for (let count = 0; count < 20; count += 1) {
    writeFileSync(join(rig.folder, 'app.log'), String(count))
    await new Promise((resolve) => setImmediate(resolve))
    await rig.clock.advance(200)
  }
  t.equal(rig.looks, before)
})

t.test('a folder that is replaced is watched again from the next poll on', async (t) => {
  const rig = rigOf(t)
  rig.watch.set({ watch: true, poll: 5_000 })
  await untilSeen(rig, () => writeFileSync(rig.path, 'b'))
  rmSync(rig.folder, { recursive: true })
  await rig.clock.advance(10_000)
  mkdirSync(rig.folder)
  await rig.clock.advance(10_000)
  await untilSeen(rig, () => writeFileSync(rig.path, 'c'))
})
