import { existsSync } from 'node:fs'
import t from 'tap'
import { WriteError } from '../../src/files/content.ts'
import { publish, unpublish } from '../../src/files/writer/publish.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import { fetched, KeyBackend, missing } from '../support/heart-backend.ts'
import { minute, second } from '../support/heart-rig.ts'
import { settle } from '../support/virtual-clock.ts'
import { roomRig } from './support/room-rig.ts'

const one = { path: 'one.json', format: 'map', secrets: ['a'] }
const two = { path: 'two.json', format: 'map', secrets: ['a', 'b'] }
const three = { path: 'three.json', format: 'map', secrets: ['b'] }

type Rig = Awaited<ReturnType<typeof roomRig>>

function rigOf(
  t: Parameters<typeof roomRig>[0],
  files: readonly (typeof one)[],
  more: object = {},
): Promise<Rig> {
  return roomRig(t, {
    provider: (clock) =>
      new KeyBackend(clock, (key) => (key === 'never' ? missing() : fetched(`CANARY-${key}`))),
    secrets: { a: {}, b: {} },
    files,
    ...more,
  })
}

t.test('a file is added, one changed and one removed, and the rest is not touched', async (t) => {
  const rig = await rigOf(t, [one, two, { ...one, path: 'stays.json' }])
  await rig.start()
  const before = rig.identity('stays.json')
  await rig.reload([{ ...one, path: 'stays.json' }, { ...two, secrets: ['b'] }, three])
  t.equal(rig.identity('stays.json'), before)
  t.same(rig.map('two.json'), { b: 'CANARY-b' })
  t.same(rig.map('three.json'), { b: 'CANARY-b' })
  t.equal(existsSync(rig.pathOf('one.json')), false)
  t.match(rig.logged('file removed: the configuration names it no longer, or as something else'), [
    { level: 'info', file: rig.pathOf('one.json') },
  ])
  t.strictSame(
    rig.puts.filter((put) => put.startsWith('stays')),
    ['stays.json written'],
  )
  const text = await rig.metrics()
  t.equal(metric(text, 'sidekeep_file_current', { file: rig.pathOf('one.json') }), undefined)
  t.equal(metric(text, 'sidekeep_file_writes_total', { file: rig.pathOf('two.json') }), 2)
  t.equal(rig.part.areCurrent, true)
})

t.test('the first files may come with a change, and all may go', async (t) => {
  const rig = await rigOf(t, [])
  await rig.start()
  t.equal(rig.part.wereWritten, true)
  t.notMatch(await rig.metrics(), /sidekeep_file_/)
  await rig.reload([one])
  t.same(rig.map('one.json'), { a: 'CANARY-a' })
  t.equal(metric(await rig.metrics(), 'sidekeep_file_current', { file: rig.pathOf('one.json') }), 1)
  await rig.reload([])
  t.equal(existsSync(rig.pathOf('one.json')), false)
  t.equal(rig.part.areCurrent, true)
  await rig.reload([one])
  t.same(rig.map('one.json'), { a: 'CANARY-a' })
})

t.test('a file that waits for a secret of the new configuration takes nobody out of service', async (t) => {
  const rig = await rigOf(t, [one])
  await rig.start()
  const before = rig.map('one.json')
  await rig.reload([{ ...one, format: 'template', template: '{{ never }}', secrets: undefined } as never], {
    a: {},
    never: {},
  })
  t.equal(rig.part.areCurrent, true)
  t.same(before, { a: 'CANARY-a' })
})

t.test('one that cannot be written does', async (t) => {
  const rig = await rigOf(t, [one])
  await rig.start()
  await rig.reload([one, { ...three, path: 'missing/three.json' }])
  t.equal(rig.part.areCurrent, false)
  await rig.reload([one])
  t.equal(rig.part.areCurrent, true)
})

t.test(
  'a secret that is configured no longer leaves the files that name it by a pattern, once that succeeds',
  async (t) => {
    let isFull = false
    const all = { path: 'all.json', format: 'map', secrets: ['*'] }
    const single = { path: 'of', format: 'directory', secrets: ['*'] }
    const rig = await rigOf(t, [all, single], {
      places: {
        async publish(...args: Parameters<typeof publish>) {
          if (isFull) throw new WriteError('place', 'the file system is read-only', 'Mount it otherwise.')
          return await publish(...args)
        },
      },
    })
    await rig.start()
    isFull = true
    await rig.reload([all, single], { a: {} })
    t.equal(rig.part.areCurrent, false)
    t.equal(rig.read('of/b'), 'CANARY-b')
    isFull = false
    await rig.advance(minute)
    t.same(rig.map('all.json'), { a: 'CANARY-a' })
    t.equal(existsSync(rig.pathOf('of/b')), false)
    t.equal(rig.part.areCurrent, true)
  },
)

t.test('a file becomes a folder', async (t) => {
  const rig = await rigOf(t, [{ ...one, path: 'it' }])
  await rig.start()
  await rig.reload([{ ...one, path: 'it', format: 'directory' }])
  t.equal(rig.read('it/a'), 'CANARY-a')
  await rig.reload([{ ...one, path: 'it' }])
  await eventually('the file', () => rig.read('it').startsWith('{'))
})

t.test('a value that stays although its secret is gone stays over a change that keeps it so', async (t) => {
  const values = new Map([
    ['a', 'CANARY-a'],
    ['b', 'CANARY-b'],
  ])
  const keeps = { ...two, removeWhen: [] }
  const rig = await roomRig(t, {
    provider: (clock) =>
      new KeyBackend(clock, (key) => {
        const value = values.get(key)
        return value === undefined ? missing() : fetched(value)
      }),
    secrets: { a: {}, b: {} },
    files: [keeps],
  })
  await rig.start()
  values.delete('a')
  await rig.advance(2 * minute)
  await rig.reload([{ ...keeps, mode: '0400' }])
  t.same(rig.map('two.json'), { a: 'CANARY-a', b: 'CANARY-b' })
})

t.test('one that was replaced before its turn came does not work at the path of its successor', async (t) => {
  const { promise: written, resolve: write } = Promise.withResolvers<void>()
  const sweeps: string[] = []
  let puts = 0
  const rig = await rigOf(t, [one], {
    places: {
      publish: async () => {
        puts += 1
        if (puts === 1) await written
        return 'written'
      },
      sweepLeftovers: async (path: string) => {
        sweeps.push(path)
        return 0
      },
    },
  })
  rig.part.start()
  rig.heart.refresher.start()
  await rig.clock.advance(0)
  await eventually('the first is written', () => puts === 1)
  const changes = [
    rig.reload([{ ...one, mode: '0400' } as never]),
    rig.reload([{ ...one, mode: '0404' } as never]),
  ]
  await settle()
  t.equal(sweeps.length, 1)
  write()
  await Promise.all(changes)
  t.equal(sweeps.length, 2, 'by the first and by the last')
})

t.test('what cannot be removed is told, and the change happens all the same', async (t) => {
  const rig = await rigOf(t, [one], {
    places: {
      unpublish: async () => {
        throw new WriteError('denied', 'a permission is missing', 'Give it.')
      },
    },
  })
  await rig.start()
  await rig.reload([three])
  t.same(rig.map('three.json'), { b: 'CANARY-b' })
  t.match(rig.logged('file is not current'), [{ level: 'error', reason: 'denied' }])
})

t.test('it is tried again until it is gone, and is shown as failing until then', async (t) => {
  let [isBusy, tries] = [true, 0]
  const rig = await rigOf(t, [one], {
    places: {
      async unpublish(...args: Parameters<typeof unpublish>) {
        tries += 1
        if (isBusy)
          throw new WriteError('place', 'cannot remove it: it is a mount point', 'Mount the folder.')
        return await unpublish(...args)
      },
    },
  })
  await rig.start()
  const file = rig.pathOf('one.json')
  await rig.reload([three])
  t.equal(rig.part.areCurrent, false, 'as with a required file that cannot be written')
  const text = await rig.metrics()
  t.equal(metric(text, 'sidekeep_file_write_failures_total', { file, reason: 'place' }), 1)
  t.equal(metric(text, 'sidekeep_file_current', { file }), 0)
  await rig.advance(5 * minute)
  t.ok(tries > 5 && tries < 20, `${tries} times in five minutes`)
  const told = rig.logged('file is not current').filter(({ level }) => level === 'error')
  t.equal(told.length, 1, 'told once, however often it is tried')
  isBusy = false
  await rig.advance(minute)
  t.equal(existsSync(file), false)
  t.equal(rig.part.areCurrent, true)
  t.equal(metric(await rig.metrics(), 'sidekeep_file_current', { file }), undefined)
  t.match(rig.logged('file removed: the configuration names it no longer, or as something else'), [{ file }])
  const before = tries
  await rig.advance(5 * minute)
  t.equal(tries, before)
})

t.test('one that was not required fails by itself', async (t) => {
  const rig = await rigOf(t, [{ ...one, required: false } as never], { places: { unpublish: busy } })
  await rig.start()
  await rig.reload([three])
  t.equal(rig.part.areCurrent, true)
})

t.test(
  'a file that is configured again while its removal fails is kept, and never gone meanwhile',
  async (t) => {
    let tries = 0
    const rig = await rigOf(t, [one], {
      places: {
        unpublish: async () => {
          tries += 1
          return await busy()
        },
      },
    })
    await rig.start()
    await rig.reload([three])
    await rig.reload([three, { ...one, secrets: ['a', 'b'] }])
    const before = tries
    await rig.advance(10 * minute)
    t.equal(tries, before)
    t.same(rig.map('one.json'), { a: 'CANARY-a', b: 'CANARY-b' })
    t.equal(rig.part.areCurrent, true)
    const text = await rig.metrics()
    t.equal(metric(text, 'sidekeep_file_current', { file: rig.pathOf('one.json') }), 1)
  },
)

t.test(
  'one that is configured again while its removal is under way hears nothing of how that fails',
  async (t) => {
    const gate = Promise.withResolvers<void>()
    const rig = await rigOf(t, [one], {
      places: {
        unpublish: async () => {
          await gate.promise
          return await busy()
        },
      },
    })
    await rig.start()
    // Neither waits for what hangs.
    const away = rig.reload([three])
    await settle()
    const back = rig.reload([three, { ...one, secrets: ['a', 'b'] }])
    await settle()
    gate.resolve()
    await Promise.all([away, back])
    await eventually('the changed file', () => rig.puts.includes('one.json written') && rig.puts.length >= 3)
    await rig.advance(10 * minute)
    t.same(rig.map('one.json'), { a: 'CANARY-a', b: 'CANARY-b' })
    t.same(rig.logged('file is not current'), [])
    t.equal(rig.part.areCurrent, true)
  },
)

t.test('what is to take the place of what cannot be removed waits for that', async (t) => {
  let isBusy = true
  const rig = await rigOf(t, [{ ...one, path: 'it' }], {
    places: {
      async unpublish(...args: Parameters<typeof unpublish>) {
        return isBusy ? await busy() : await unpublish(...args)
      },
    },
  })
  await rig.start()
  const folder = { ...one, path: 'it', format: 'directory' }
  await rig.reload([folder])
  t.same(rig.map('it'), { a: 'CANARY-a' })
  t.equal(rig.part.areCurrent, false)
  await rig.reload([{ ...two, path: 'it' }])
  await rig.advance(second)
  t.same(rig.map('it'), { a: 'CANARY-a' }, 'the folder that never was is to be removed first')
  isBusy = false
  await rig.advance(minute)
  await eventually('the changed file', () => rig.puts.length === 2)
  t.same(rig.map('it'), { a: 'CANARY-a', b: 'CANARY-b' })
  isBusy = true
  await rig.reload([folder])
  isBusy = false
  await rig.advance(minute)
  await eventually('the folder', () => rig.puts.length === 3)
  t.equal(rig.read('it/a'), 'CANARY-a')
  t.equal(rig.part.areCurrent, true)
})

t.test('an end does not wait for what is to be tried again', async (t) => {
  const rig = await rigOf(t, [one], { places: { unpublish: busy } })
  await rig.start()
  await rig.reload([three])
  await rig.part.close()
  t.equal(rig.logged('file removed: the configuration names it no longer, or as something else').length, 0)
})

t.test('what nobody foresaw in removing a file ends nothing, and is told without its words', async (t) => {
  const rig = await rigOf(t, [one], {
    places: {
      unpublish: async () => {
        throw new TypeError('CANARY-in-an-error')
      },
    },
  })
  await rig.start()
  await rig.reload([three])
  t.same(rig.map('three.json'), { b: 'CANARY-b' })
  const [line] = rig.logged('file is not current')
  t.match(line, { level: 'error', reason: 'io' })
  t.notMatch(JSON.stringify(line), 'CANARY-in-an-error')
})

t.test('what a changed file writes waits for what the former one has under way', async (t) => {
  const gate = Promise.withResolvers<void>()
  let [isHeld, writers] = [false, 0]
  let value = 'CANARY-1'
  const rig = await roomRig(t, {
    provider: (clock) => new KeyBackend(clock, () => fetched(value)),
    secrets: { a: { refresh: '10s' } },
    files: [one],
    places: {
      async publish(...args) {
        writers += 1
        t.equal(writers, 1, 'one at a time')
        if (isHeld) await gate.promise
        const outcome = await publish(...args)
        writers -= 1
        return outcome
      },
    },
  })
  await rig.start()
  isHeld = true
  value = 'CANARY-2'
  await rig.clock.advance(10 * second)
  while (writers === 0) await settle()
  const changed = rig.reload([{ ...one, mode: '0400' }])
  value = 'CANARY-3'
  await rig.clock.advance(10 * second)
  for (let times = 0; times < 20; times += 1) await settle()
  isHeld = false
  gate.resolve()
  await changed
  await rig.idle()
  t.same(rig.map('one.json'), { a: 'CANARY-3' })
})

t.test('a secret that arrives while a start cleans up is written after that', async (t) => {
  const gate = Promise.withResolvers<number>()
  const rig = await rigOf(t, [one], { places: { sweepLeftovers: () => gate.promise } })
  rig.part.start()
  rig.heart.refresher.start()
  await rig.clock.advance(second)
  for (let times = 0; times < 20; times += 1) await settle()
  t.strictSame(rig.puts, [])
  gate.resolve(0)
  await rig.idle()
  t.strictSame(rig.puts, ['one.json written'])
})

t.test(
  'a folder that hangs does not keep the files of a changed configuration from being written',
  async (t) => {
    const gate = Promise.withResolvers<'removed'>()
    const rig = await rigOf(t, [one, two], {
      places: { unpublish: () => gate.promise },
    })
    await rig.start()
    // Not `reload`, which waits for what is under way.
    const over = rig.reload([three, { ...two, secrets: ['a'] }])
    await eventually(
      'the other files',
      () => rig.puts.includes('three.json written') && rig.puts.length === 4,
    )
    t.same(rig.map('two.json'), { a: 'CANARY-a' })
    gate.resolve('removed')
    await over
  },
)

async function busy(): Promise<never> {
  throw new WriteError('place', 'cannot remove it: it is a mount point', 'Mount the folder.')
}
