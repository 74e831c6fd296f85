/** Publishes on a small tmpfs that is full, of bytes or of files, with a little more room each time: `FOLDER`. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isInMemory } from '../../src/files/writer/memory.ts'
import { publish } from '../../src/files/writer/publish.ts'
import { expected, leftovers, seen, seenThroughLinks } from '../support/writer-look.ts'
import { fresh, old, ownershipOf } from './contents.ts'

const disk = process.argv[2] ?? ''
const ownership = ownershipOf('')
const page = Buffer.alloc(4096)
const filler = (turn: number): string => join(disk, `filler-${turn}`)

function untilFull(step: (turn: number) => void): void {
  try {
    for (let turn = 0; ; turn += 1) step(turn)
  } catch (error) {
    assert.equal(Reflect.get(Object(error), 'code'), 'ENOSPC')
  }
}

/** Each fills the disk but for so many pages, or files. */
const fillings: Record<string, (room: number) => void> = {
  bytes: (room) => {
    untilFull(() => writeFileSync(filler(0), page, { flag: 'a' }))
    truncateSync(filler(0), Math.max(0, statSync(filler(0)).size - room * page.length))
  },
  files: (room) => {
    untilFull((turn) => writeFileSync(filler(turn), ''))
    for (let turn = 0; turn < room; turn += 1) rmSync(filler(turn), { force: true })
  },
}

function empty(): void {
  for (const name of readdirSync(disk).filter((name) => name.startsWith('filler'))) rmSync(join(disk, name))
}

assert.equal(await isInMemory(join(disk, 'file')), true)
for (const [what, fill] of Object.entries(fillings)) {
  for (const kind of ['file', 'folder'] as const) {
    const path = join(disk, kind)
    let refused = 0
    let result: unknown
    for (let room = 0; result !== 'written'; room += 1) {
      assert.ok(room < 40, `${kind}: no room is enough`)
      await publish(path, old[kind], ownership)
      fill(room)
      result = await publish(path, fresh[kind], ownership).catch((error: unknown) => error)
      if (result !== 'written') {
        refused += 1
        assert.equal(Reflect.get(Object(result), 'reason'), 'full', String(result))
        assert.deepEqual(seen(path, kind), expected(old[kind], ownership.mode))
        assert.deepEqual(leftovers(disk, path, kind), [])
        if (kind === 'folder') assert.deepEqual(seenThroughLinks(path), seen(path, kind))
      }
      empty()
    }
    assert.deepEqual(seen(path, kind), expected(fresh[kind], ownership.mode))
    assert.ok(refused > 0, 'the disk was full')
    console.log(
      `full of ${what}: the old ${kind} stayed ${refused} times, and was replaced once there was room`,
    )
  }
}
