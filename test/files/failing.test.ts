import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { WriteError } from '../../src/files/content.ts'
import { publish } from '../../src/files/writer/publish.ts'
import { metric } from '../support/e2e-metrics.ts'
import { fetched, KeyBackend, ListBackend } from '../support/heart-backend.ts'
import { minute, second } from '../support/heart-rig.ts'
import { roomRig } from './support/room-rig.ts'

t.test('a file in a folder that is not there fails, says so, and recovers when it is', async (t) => {
  const rig = await roomRig(t, {
    provider: (clock) => new KeyBackend(clock, () => fetched('CANARY-a')),
    secrets: { a: {} },
    files: [
      { path: 'missing/all.json', format: 'map', secrets: ['a'] },
      { path: 'other.json', format: 'map', secrets: ['a'], required: false },
    ],
  })
  const file = rig.pathOf('missing/all.json')
  await rig.start()
  t.equal(rig.part.wereWritten, false)
  t.same(rig.map('other.json'), { a: 'CANARY-a' }, 'the others do not wait for it')
  for (let times = 0; times < 4; times += 1) await rig.advance(5 * second)
  const errors = rig.logged('file is not current').filter(({ level }) => level === 'error')
  t.equal(errors.length, 1, 'told once, however often it is tried')
  t.match(errors, [{ file, reason: 'place', err: { code: 'SIDEKEEP_FILE_UNWRITABLE', message: file } }])
  const text = await rig.metrics()
  t.ok((metric(text, 'sidekeep_file_write_failures_total', { file, reason: 'place' }) ?? 0) >= 3)
  t.equal(metric(text, 'sidekeep_file_write_failures_total', { file, reason: 'full' }), 0)
  t.equal(metric(text, 'sidekeep_file_current', { file }), 0)
  t.equal(metric(text, 'sidekeep_file_current', { file: rig.pathOf('other.json') }), 1)

  mkdirSync(rig.pathOf('missing'))
  await rig.advance(minute)
  t.same(rig.map('missing/all.json'), { a: 'CANARY-a' })
  t.equal(rig.part.areCurrent, true)
  t.match(rig.logged('file is current again'), [{ level: 'info', file }])
  t.equal(metric(await rig.metrics(), 'sidekeep_file_current', { file }), 1)
  t.equal(metric(await rig.metrics(), 'sidekeep_file_secrets', { file }), 1)
  t.equal(metric(await rig.metrics(), 'sidekeep_file_writes_total', { file }), 1)
})

t.test('while the disk is full the old file stays, and a change is tried at once', async (t) => {
  const values = new Map([['a', 'CANARY-1']])
  let isFull = false
  let tries = 0
  const rig = await roomRig(t, {
    provider: (clock) => new ListBackend(clock, () => new Map([...values].map(([k, v]) => [k, fetched(v)]))),
    secrets: { a: { refresh: '10s' } },
    files: [{ path: 'all.json', format: 'map', secrets: ['a'] }],
    places: {
      async publish(...args) {
        tries += 1
        if (isFull) throw new WriteError('full', 'no room is left on the volume', 'Make some.')
        return await publish(...args)
      },
    },
  })
  await rig.start()
  isFull = true
  values.set('a', 'CANARY-2')
  await rig.advance(5 * minute)
  t.same(rig.map('all.json'), { a: 'CANARY-1' })
  t.equal(rig.part.areCurrent, false)
  t.equal(rig.part.wereWritten, true)
  t.ok(tries < 20, 'and not all the time')
  const before = tries
  values.set('a', 'CANARY-3')
  isFull = false
  await rig.advance(10 * second)
  t.equal(tries, before + 1)
  t.same(rig.map('all.json'), { a: 'CANARY-3' })
  t.equal(rig.part.areCurrent, true)
})

t.test('what is not required fails by itself', async (t) => {
  const rig = await roomRig(t, {
    provider: (clock) => new KeyBackend(clock, () => fetched('CANARY-a')),
    secrets: { a: {} },
    files: [{ path: 'missing/all.json', format: 'map', secrets: ['a'], required: false }],
  })
  await rig.start()
  t.equal(rig.part.wereWritten, true)
  t.equal(rig.part.areCurrent, true)
})

t.test('a secret that a format cannot say leaves the old file and is told without its value', async (t) => {
  let value: string | Buffer = 'CANARY-text'
  const rig = await roomRig(t, {
    provider: (clock) => new KeyBackend(clock, () => fetched(value)),
    secrets: { a: { refresh: '10s' } },
    files: [{ path: 'all.env', format: 'dotenv', secrets: ['a'] }],
  })
  await rig.start()
  const before = rig.read('all.env')
  value = Buffer.from([0x43, 0xff, 0xfe])
  await rig.advance(20 * second)
  t.equal(rig.read('all.env'), before)
  t.match(rig.logged('file is not current'), [
    { level: 'error', reason: 'unfit', err: { code: 'SIDEKEEP_FILE_UNFIT' } },
  ])
  t.equal(rig.part.areCurrent, false)
})

t.test('nothing is given to a file that has to be recorded first and cannot be', async (t) => {
  let isFailing = true
  const records: object[] = []
  const rig = await roomRig(t, {
    provider: (clock) => new KeyBackend(clock, (key) => fetched(`CANARY-${key}`)),
    secrets: { a: {}, b: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a', 'b'] }],
    audit: {
      isOn: true,
      async record(access) {
        if (isFailing) throw new Error('the disk is full')
        records.push(access)
      },
    },
  })
  await rig.start()
  t.strictSame(rig.puts, [])
  t.match(rig.logged('file is not current'), [{ reason: 'audit' }])
  isFailing = false
  await rig.advance(minute)
  t.strictSame(rig.puts, ['all.json written'])
  t.match(records, [
    { action: 'file', name: 'a', listener: rig.pathOf('all.json'), version: /^h-/ },
    { action: 'file', name: 'b' },
  ])
  rig.guard.noLeak('the audit', records)
})

t.test('a file on a disk is warned of, once', async (t) => {
  const rig = await roomRig(t, {
    provider: (clock) => new KeyBackend(clock, () => fetched('CANARY-a')),
    secrets: { a: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a'] }],
    places: { isInMemory: async () => false, sweepLeftovers: async () => 2 },
  })
  await rig.start()
  await rig.advance(5 * minute)
  const warnings = rig.logged(
    'file lies on a disk, where values outlive the pod: use a volume in memory (an emptyDir with medium: Memory)',
  )
  t.match(warnings, [{ level: 'warn', file: rig.pathOf('all.json') }])
  t.equal(warnings.length, 1)
  t.match(rig.logged('what a former run had begun to write was removed'), [{ leftovers: 2 }])
})

t.test('a folder in the place of the file is left alone', async (t) => {
  const rig = await roomRig(t, {
    provider: (clock) => new KeyBackend(clock, () => fetched('CANARY-a')),
    secrets: { a: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a'] }],
  })
  mkdirSync(rig.pathOf('all.json'))
  writeFileSync(rig.pathOf('all.json/precious'), 'mine')
  await rig.start()
  t.equal(rig.read('all.json/precious'), 'mine')
  t.equal(rig.part.wereWritten, false)
  rmSync(rig.pathOf('all.json'), { recursive: true })
  await rig.advance(minute)
  t.same(rig.map('all.json'), { a: 'CANARY-a' })
})

t.test('a file that could not be written again is current once its secret is gone again', async (t) => {
  const values = new Map([['a', 'CANARY-1']])
  let isFull = false
  const rig = await roomRig(t, {
    provider: (clock) => new ListBackend(clock, () => new Map([...values].map(([k, v]) => [k, fetched(v)]))),
    secrets: { a: { refresh: '10s' } },
    files: [{ path: 'raw', format: 'raw', secrets: ['a'] }],
    places: {
      async publish(...args) {
        if (isFull) throw new WriteError('full', 'no room is left on the volume', 'Make some.')
        return await publish(...args)
      },
    },
  })
  await rig.start()
  values.delete('a')
  await rig.advance(minute)
  t.equal(rig.part.areCurrent, true)
  isFull = true
  values.set('a', 'CANARY-2')
  await rig.advance(minute)
  t.equal(rig.part.areCurrent, false)
  values.delete('a')
  await rig.advance(5 * minute)
  t.equal(rig.part.areCurrent, true, 'nothing lies there, which is what is wanted')
  t.equal(rig.logged('file is current again').length, 1)
})
