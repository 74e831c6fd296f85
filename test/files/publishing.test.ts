import { existsSync } from 'node:fs'
import t from 'tap'
import { WriteError } from '../../src/files/content.ts'
import { publish } from '../../src/files/writer/publish.ts'
import { fetched, KeyBackend, ListBackend, missing, unavailable } from '../support/heart-backend.ts'
import { hour, minute, second } from '../support/heart-rig.ts'
import { settle } from '../support/virtual-clock.ts'
import { roomRig } from './support/room-rig.ts'

/** A provider whose one call brings everything, as a test sets it. */
function listed(values: Map<string, string>) {
  return (clock: ConstructorParameters<typeof ListBackend>[0]) =>
    new ListBackend(clock, () => new Map([...values].map(([key, value]) => [key, fetched(value)])))
}

t.test('two secrets of one fetch are published together', async (t) => {
  const values = new Map([
    ['user', 'CANARY-user-1'],
    ['password', 'CANARY-password-1'],
  ])
  const rig = await roomRig(t, {
    provider: listed(values),
    secrets: { user: {}, password: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['user', 'password'] }],
  })
  await rig.start()
  values.set('user', 'CANARY-user-2').set('password', 'CANARY-password-2')
  await rig.advance(minute)
  t.strictSame(rig.puts, ['all.json written', 'all.json written'])
  t.same(rig.map('all.json'), { user: 'CANARY-user-2', password: 'CANARY-password-2' })
})

t.test('refreshes that bring nothing new write nothing', async (t) => {
  const rig = await roomRig(t, {
    provider: listed(new Map([['a', 'CANARY-a']])),
    secrets: { a: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a'] }],
  })
  await rig.start()
  const before = rig.identity('all.json')
  await rig.advance(10 * minute)
  t.equal(rig.identity('all.json'), before)
  t.strictSame(rig.puts, ['all.json written'], 'nor is it tried')
})

t.test('and a start finds what a former run wrote right', async (t) => {
  const options = {
    provider: listed(new Map([['a', 'CANARY-a']])),
    secrets: { a: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a'] }],
  }
  const first = await roomRig(t, options)
  await first.start()
  const before = first.identity('all.json')
  await first.part.close()
  const second = await roomRig(t, { ...options, folder: first.folder })
  await second.start()
  t.strictSame(second.puts, ['all.json unchanged'])
  t.equal(second.identity('all.json'), before)
  t.equal(second.part.areCurrent, true)
})

t.test('what changes while a file is written is written after it, once', async (t) => {
  const values = new Map([['a', 'CANARY-1']])
  const gate = Promise.withResolvers<void>()
  let isHeld = false
  const seen: string[] = []
  const rig = await roomRig(t, {
    provider: listed(values),
    secrets: { a: { refresh: '10s' } },
    files: [{ path: 'all.json', format: 'map', secrets: ['a'] }],
    places: {
      async publish(_path, content) {
        if (isHeld) await gate.promise
        seen.push(content.kind === 'file' ? content.bytes.toString() : '')
        return 'written'
      },
    },
  })
  await rig.start()
  isHeld = true
  for (const value of ['CANARY-2', 'CANARY-3', 'CANARY-4']) {
    values.set('a', value)
    await rig.clock.advance(10 * second)
  }
  gate.resolve()
  await rig.idle()
  t.strictSame(
    seen.map((text) => JSON.parse(text).a),
    ['CANARY-1', 'CANARY-2', 'CANARY-4'],
  )
})

t.test('what was made to be written is overwritten', async (t) => {
  const buffers: Buffer[] = []
  const rig = await roomRig(t, {
    provider: listed(new Map([['a', 'CANARY-a']])),
    secrets: { a: {} },
    files: [
      { path: 'all.json', format: 'map', secrets: ['a'] },
      { path: 'raw', format: 'raw', secrets: ['a'] },
      { path: 'folder', format: 'directory', secrets: ['a'] },
      { path: 'text', format: 'template', template: 'a={{ a }}' },
    ],
    places: {
      async publish(_path, content) {
        buffers.push(...(content.kind === 'file' ? [content.bytes] : content.files.values()))
        return 'written'
      },
    },
  })
  await rig.start()
  t.equal(buffers.length, 4)
  t.ok(buffers.every((bytes) => bytes.every((byte) => byte === 0)))
  t.equal(rig.heart.cache.read('a').kind, 'held')
  const reading = rig.heart.cache.read('a')
  t.equal(reading.kind === 'held' && reading.secret.reveal().toString(), 'CANARY-a', 'and nothing else')
})

t.test('a close finishes what is under way and begins nothing more', async (t) => {
  const values = new Map([['a', 'CANARY-1']])
  const gate = Promise.withResolvers<void>()
  let isHeld = false
  let isUnderWay = false
  let written = 0
  const rig = await roomRig(t, {
    provider: listed(values),
    secrets: { a: { refresh: '10s' } },
    files: [{ path: 'all.json', format: 'map', secrets: ['a'] }],
    places: {
      async publish() {
        isUnderWay = isHeld
        if (isHeld) await gate.promise
        written += 1
        return 'written'
      },
    },
  })
  await rig.start()
  isHeld = true
  values.set('a', 'CANARY-2')
  await rig.clock.advance(10 * second)
  while (!isUnderWay) await settle()
  let isClosed = false
  const closed = rig.part.close().then(() => {
    isClosed = true
  })
  values.set('a', 'CANARY-3')
  await rig.clock.advance(10 * second)
  t.equal(isClosed, false)
  gate.resolve()
  await closed
  await settle()
  t.equal(written, 2)
})

t.test('a composed secret and what it is made of appear together', async (t) => {
  const values = new Map([['a', 'CANARY-1']])
  const rig = await roomRig(t, {
    provider: listed(values),
    secrets: { a: {}, url: { template: 'https://{{ a }}@db' } },
    files: [{ path: 'all.json', format: 'map', secrets: ['a', 'url'] }],
  })
  await rig.start()
  values.set('a', 'CANARY-2')
  await rig.advance(minute)
  t.strictSame(rig.puts, ['all.json written', 'all.json written'])
  t.same(rig.map('all.json'), { a: 'CANARY-2', url: 'https://CANARY-2@db' })
})

t.test('a secret that is gone', async (t) => {
  /** Two secrets in each kind of file, one of which goes and comes back. */
  const world = async (t: Parameters<typeof roomRig>[0], more: object) => {
    const values = new Map([
      ['a', 'CANARY-a-1'],
      ['b', 'CANARY-b-1'],
    ])
    const rig = await roomRig(t, {
      provider: (clock) =>
        new KeyBackend(clock, (key) => {
          const value = values.get(key)
          return value === undefined ? missing() : fetched(value)
        }),
      secrets: { a: {}, b: {} },
      files: [
        { path: 'all.json', format: 'map', secrets: ['a', 'b'], ...more },
        { path: 'raw', format: 'raw', secrets: ['a'], ...more },
        { path: 'text', format: 'template', template: '{{ a }}+{{ b }}', ...more },
      ],
    })
    await rig.start()
    return { rig, values }
  }

  t.test('leaves the files', async (t) => {
    const { rig, values } = await world(t, {})
    values.delete('a')
    await rig.advance(minute)
    t.same(rig.map('all.json'), { b: 'CANARY-b-1' })
    t.throws(() => rig.read('raw'), { code: 'ENOENT' })
    t.throws(() => rig.read('text'), { code: 'ENOENT' })
    t.equal(rig.part.areCurrent, true, 'which is what is wanted')
    values.set('a', 'CANARY-a-2')
    await rig.advance(2 * minute)
    t.equal(rig.read('raw'), 'CANARY-a-2')
    t.equal(rig.read('text'), 'CANARY-a-2+CANARY-b-1')
  })

  t.test('stays where the configuration says so, while others change', async (t) => {
    const { rig, values } = await world(t, { removeWhen: [] })
    values.delete('a')
    values.set('b', 'CANARY-b-2')
    await rig.advance(2 * minute)
    t.same(rig.map('all.json'), { a: 'CANARY-a-1', b: 'CANARY-b-2' })
    t.equal(rig.read('raw'), 'CANARY-a-1')
    t.equal(rig.read('text'), 'CANARY-a-1+CANARY-b-2')
    values.set('a', 'CANARY-a-3')
    await rig.advance(2 * minute)
    t.same(rig.map('all.json'), { a: 'CANARY-a-3', b: 'CANARY-b-2' })
  })
})

t.test('a secret of a pattern that is gone leaves the file, long after it was told of too', async (t) => {
  const values = new Map([
    ['a', 'CANARY-a'],
    ['b', 'CANARY-b'],
    ['c', 'CANARY-c'],
  ])
  let isFull = false
  const rig = await roomRig(t, {
    provider: listed(values),
    secrets: { 'db/*': { key: '*', refresh: '10s' } },
    files: [{ path: 'all.json', format: 'map', secrets: ['db/*'] }],
    places: isFullWhen(() => isFull),
  })
  await rig.start()
  values.delete('a')
  isFull = true
  await rig.advance(10 * second)
  t.equal(rig.part.areCurrent, false)
  await rig.advance(5 * minute)
  isFull = false
  await rig.advance(minute)
  t.same(rig.map('all.json'), { 'db/b': 'CANARY-b', 'db/c': 'CANARY-c' })
})

t.test('a secret that has expired', async (t) => {
  const world = async (t: Parameters<typeof roomRig>[0], removeWhen: readonly string[]) => {
    let isUp = true
    const rig = await roomRig(t, {
      provider: (clock) =>
        new KeyBackend(clock, (key) => (isUp || key === 'b' ? fetched(`CANARY-${key}`) : unavailable())),
      secrets: { a: { maxStale: '10m' }, b: {} },
      files: [{ path: 'all.json', format: 'map', secrets: ['a', 'b'], removeWhen }],
    })
    await rig.start()
    isUp = false
    await rig.advance(hour)
    t.equal(rig.heart.cache.read('a').kind, 'expired')
    return rig
  }

  t.test('stays in the file', async (t) => {
    const rig = await world(t, ['gone'])
    t.strictSame(rig.puts, ['all.json written'])
  })

  t.test('leaves it where the configuration says so', async (t) => {
    const rig = await world(t, ['gone', 'expired'])
    t.same(rig.map('all.json'), { b: 'CANARY-b' })
  })
})

t.test('a sidecar that stood still', async (t) => {
  const world = async (t: Parameters<typeof roomRig>[0], removeWhen: readonly string[]) => {
    const down = new Set<string>()
    let version = 1
    const rig = await roomRig(t, {
      provider: (clock) =>
        new KeyBackend(clock, (key) => (down.has(key) ? unavailable() : fetched(`CANARY-${key}-${version}`))),
      secrets: { a: { maxStale: '10m' }, b: { maxStale: '10m' } },
      files: [
        { path: 'all.json', format: 'map', secrets: ['a', 'b'], removeWhen },
        { path: 'raw', format: 'raw', secrets: ['a'], removeWhen },
      ],
    })
    await rig.start()
    const current: boolean[] = []
    return {
      rig,
      down,
      current,
      rotate: () => (version += 1),
      /** Bit by bit, as somebody sees it who looks all the time. */
      async watch(ms: number) {
        for (let passed = 0; passed <= ms; passed += 500) {
          await rig.advance(500)
          current.push(rig.part.areCurrent)
        }
      },
    }
  }

  for (const removeWhen of [['gone'], ['gone', 'expired']]) {
    t.test(`calls no file incomplete whose secrets it fetches again, ${removeWhen.join()}`, async (t) => {
      const { rig, current, watch, rotate } = await world(t, removeWhen)
      rotate()
      rig.clock.suspend(hour)
      await watch(10 * second)
      t.notOk(current.includes(false), 'ready all the time')
      t.strictSame(rig.logged('file is not current'), [])
      t.strictSame(
        rig.logged('file removed: a secret that it needs is not there any more'),
        [],
        'nor takes one away for a moment',
      )
      t.same(rig.map('all.json'), { a: 'CANARY-a-2', b: 'CANARY-b-2' })
      t.equal(rig.read('raw'), 'CANARY-a-2')
    })
  }

  t.test('removes nothing before it knows that it stood still', async (t) => {
    const { rig } = await world(t, ['gone', 'expired'])
    rig.clock.suspend(hour)
    // What a connection says comes before timers are looked at.
    rig.heart.feed.loaded({ secret: 'a' })
    await rig.idle()
    t.equal(rig.read('raw'), 'CANARY-a-1')
    t.same(rig.map('all.json'), { a: 'CANARY-a-1', b: 'CANARY-b-1' })
  })

  t.test('lets what stays expired leave all the same', async (t) => {
    const { rig, down, watch } = await world(t, ['gone', 'expired'])
    down.add('a')
    rig.clock.suspend(hour)
    await watch(10 * second)
    t.equal(rig.read('raw'), 'CANARY-a-1', 'not yet')
    await rig.advance(2 * minute)
    t.same(rig.map('all.json'), { b: 'CANARY-b-1' })
    t.equal(existsSync(rig.pathOf('raw')), false)
  })
})

/** A disk that is full now and then. */
function isFullWhen(isFull: () => boolean) {
  return {
    publish: async (...args: Parameters<typeof publish>) => {
      if (isFull()) throw new WriteError('full', 'no room is left', 'Make some.')
      return await publish(...args)
    },
  }
}

t.test('a secret that was deleted and made again with the version of another value is written', async (t) => {
  const values = new Map([['a', 'CANARY-1']])
  const rig = await roomRig(t, {
    provider: (clock) =>
      new KeyBackend(clock, (key) => {
        const value = values.get(key)
        return value === undefined ? missing() : fetched(value, { version: '1' })
      }),
    secrets: { a: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a'], removeWhen: [] }],
  })
  await rig.start()
  values.delete('a')
  await rig.advance(2 * minute)
  t.same(rig.map('all.json'), { a: 'CANARY-1' })
  values.set('a', 'CANARY-2')
  await rig.advance(5 * minute)
  t.same(rig.map('all.json'), { a: 'CANARY-2' })
})
