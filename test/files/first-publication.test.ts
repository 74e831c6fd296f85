import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ProviderError } from '../../src/secrets/provider.ts'
import {
  fetched,
  KeyBackend,
  ListBackend,
  missing,
  NamingBackend,
  unavailable,
} from '../support/heart-backend.ts'
import { second } from '../support/heart-rig.ts'
import { folderOf } from '../support/process-sidecar.ts'
import { roomRig } from './support/room-rig.ts'

const former = '{"a":"CANARY-of-a-former-run"}'

t.test('what a former run wrote stays while the provider is down at the start', async (t) => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'all.json'), former)
  const answers = new Map<string, string>()
  const rig = await roomRig(t, {
    folder,
    provider: (clock) =>
      new KeyBackend(clock, (key) => (answers.has(key) ? fetched(answers.get(key) ?? '') : unavailable())),
    secrets: { a: {}, b: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a', 'b'] }],
  })
  await rig.start()
  t.equal(rig.read('all.json'), former)
  answers.set('a', 'CANARY-a')
  await rig.advance(5 * second)
  t.equal(rig.read('all.json'), former, 'nor is it replaced by one that lacks a secret')
  t.strictSame(
    rig.logged('file waits for secrets').map(({ secrets }) => secrets),
    [['a', 'b'], ['b']],
  )
  t.equal(rig.part.wereWritten, false)
  t.equal(rig.part.areCurrent, false)
  answers.set('b', 'CANARY-b')
  await rig.advance(60 * second)
  t.same(rig.map('all.json'), { a: 'CANARY-a', b: 'CANARY-b' })
  t.equal(rig.part.wereWritten, true)
  t.equal(rig.part.areCurrent, true)
})

t.test('a secret that its provider calls missing is not waited for', async (t) => {
  const rig = await roomRig(t, {
    provider: (clock) => new KeyBackend(clock, (key) => (key === 'a' ? fetched('CANARY-a') : missing())),
    secrets: { a: {}, b: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a', 'b'] }],
  })
  await rig.start()
  t.same(rig.map('all.json'), { a: 'CANARY-a' })
})

t.test('and is added once it exists', async (t) => {
  let b: string | undefined
  const rig = await roomRig(t, {
    provider: (clock) =>
      new KeyBackend(clock, (key) =>
        key === 'a' ? fetched('CANARY-a') : b === undefined ? missing() : fetched(b),
      ),
    secrets: { a: {}, b: {} },
    files: [{ path: 'all.json', format: 'map', secrets: ['a', 'b'] }],
  })
  await rig.start()
  b = 'CANARY-b'
  await rig.advance(70 * second)
  t.same(rig.map('all.json'), { a: 'CANARY-a', b: 'CANARY-b' })
})

t.test('a pattern waits for the list of the provider', async (t) => {
  let list: ReadonlyMap<string, ReturnType<typeof fetched>> | ProviderError = unavailable()
  const rig = await roomRig(t, {
    provider: (clock) => new ListBackend(clock, () => list),
    secrets: { 'db/*': { key: '*' } },
    files: [{ path: 'all.json', format: 'map', secrets: ['db/*'] }],
  })
  await rig.start()
  t.strictSame(rig.puts, [])
  list = new Map([
    ['x', fetched('CANARY-x')],
    ['y', fetched('CANARY-y')],
  ])
  await rig.advance(30 * second)
  t.strictSame(rig.puts, ['all.json written'])
  t.same(rig.map('all.json'), { 'db/x': 'CANARY-x', 'db/y': 'CANARY-y' })
})

t.test('also where it lists nothing', async (t) => {
  const rig = await roomRig(t, {
    provider: (clock) => new ListBackend(clock, () => new Map()),
    secrets: { 'db/*': { key: '*' } },
    files: [{ path: 'all.json', format: 'map', secrets: ['db/*'] }],
  })
  await rig.start()
  t.same(rig.map('all.json'), {})
})

t.test('and for what a list of keys named to be fetched, required or not', async (t) => {
  const gates = new Map<string, PromiseWithResolvers<void>>()
  const rig = await roomRig(t, {
    provider: (clock) =>
      new NamingBackend(
        clock,
        () => ['x', 'y'],
        async (key) => {
          const gate = Promise.withResolvers<void>()
          gates.set(key, gate)
          await gate.promise
          return fetched(`CANARY-${key}`)
        },
      ),
    secrets: { 'db/*': { key: '*' } },
    files: [{ path: 'all.json', format: 'map', secrets: ['db/*'] }],
  })
  await rig.start()
  await rig.advance(second)
  gates.get('x')?.resolve()
  await rig.advance(second)
  t.strictSame(rig.puts, [], 'one of two is there')
  gates.get('y')?.resolve()
  await rig.advance(second)
  t.same(rig.map('all.json'), { 'db/x': 'CANARY-x', 'db/y': 'CANARY-y' })
})

t.test('what is waited for is told in a few lines, however many arrive one by one', async (t) => {
  const names = Array.from({ length: 64 }, (_, index) => `s${index}`)
  const values = new Set<string>()
  const rig = await roomRig(t, {
    provider: (clock) =>
      new KeyBackend(clock, (key) => (values.has(key) ? fetched(`CANARY-${key}`) : unavailable())),
    secrets: Object.fromEntries(names.map((name) => [name, {}])),
    files: [{ path: 'all.json', format: 'map', secrets: names }],
  })
  await rig.start()
  for (const name of names) {
    values.add(name)
    await rig.advance(60 * second)
  }
  await rig.advance(600 * second)
  t.equal(Object.keys(rig.map('all.json') as object).length, names.length)
  const lines = rig.logged('file waits for secrets')
  t.ok(lines.length >= 2 && lines.length <= 7, `${lines.length} lines`)
})
