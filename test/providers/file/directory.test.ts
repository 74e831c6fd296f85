import { execFileSync } from 'node:child_process'
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readStable } from '../../../src/providers/file/read.ts'
import { failureOf, leaksNothing, signal, text, texts } from '../conformance.ts'
import { fileProvider, Mount, publicDirectory, unprivileged } from './support.ts'

t.test('only visible regular files at the top are secrets', async (t) => {
  const path = t.testdir({
    key: 'CANARY-1',
    '.hidden': 'CANARY-hidden',
    '..odd': 'CANARY-odd',
    nested: { key: 'CANARY-nested' },
  })
  symlinkSync('key', join(path, 'link'))
  symlinkSync('nowhere', join(path, 'dangling'))
  symlinkSync('nested', join(path, 'linked-directory'))
  const all = await (await fileProvider(t, path)).fetchAll?.(signal())
  t.same([...(all?.keys() ?? [])].sort(), ['key', 'link'])
  t.equal(text(all?.get('link')), 'CANARY-1')
})

t.test('a value is the exact bytes of its file, trailing line break and all', async (t) => {
  const provider = await fileProvider(t, t.testdir({ key: 'CANARY-1\n', empty: '' }))
  const result = await provider.fetch(['key', 'empty'], signal())
  t.equal(text(result.get('key')), 'CANARY-1\n')
  t.equal(text(result.get('empty')), '')
})

t.test('a Kubernetes mount is read as it is now, and a name that it lost is missing', async (t) => {
  const mount = new Mount(t.testdir({}), texts({ user: 'CANARY-1', password: 'CANARY-1' }))
  const provider = await fileProvider(t, mount.path)
  await provider.fetchAll?.(signal())
  mount.swap(texts({ password: 'CANARY-2' }))
  const result = await provider.fetch(['user', 'password'], signal())
  t.match(result.get('user'), { kind: 'missing', reason: 'not-found' })
  t.equal(text(result.get('password')), 'CANARY-2')
})

t.test('a file beside the links of a Kubernetes mount is a secret as well', async (t) => {
  const mount = new Mount(t.testdir({}), texts({ key: 'CANARY-1' }))
  writeFileSync(join(mount.path, 'beside'), 'CANARY-2')
  const result = await (await fileProvider(t, mount.path)).fetch(['key', 'beside'], signal())
  t.same([...result.values()].map(text), ['CANARY-1', 'CANARY-2'])
})

t.test('all values of one fetch are of one generation, however often the mount is swapped', async (t) => {
  const names = Array.from({ length: 10 }, (_, n) => `key${n}`)
  const generation = (n: number): Map<string, Buffer> =>
    texts(Object.fromEntries(names.map((name) => [name, `CANARY-generation-${n}`])))
  const mount = new Mount(t.testdir({}), generation(0))
  const provider = await fileProvider(t, mount.path)
  let swaps = 0
  let mixed = 0
  for (let n = 0; n < 20; n++) {
    const fetching = provider.fetchAll?.(signal()).catch(() => undefined)
    await new Promise(setImmediate)
    mount.swap(generation(++swaps))
    const all = await fetching
    if (all !== undefined && new Set([...all.values()].map(text)).size !== 1) mixed++
    if (all !== undefined) t.equal(all.size, names.length)
  }
  t.equal(mixed, 0)
})

t.test('a pipe is refused without waiting for its writer, and takes no other file down', async (t) => {
  const path = t.testdir({ key: 'CANARY-1' })
  execFileSync('mkfifo', [join(path, 'pipe')])
  const result = await (await fileProvider(t, path)).fetch(['key', 'pipe'], signal())
  t.equal(text(result.get('key')), 'CANARY-1')
  t.match(result.get('pipe'), { kind: 'unavailable', reason: 'malformed' })
  const error = await failureOf((await fileProvider(t, join(path, 'pipe'))).fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'malformed' })
  t.match(error.message, /no regular file/)
})

t.test('a device is refused', async (t) => {
  const error = await failureOf(
    (await fileProvider(t, '/dev/zero', { format: 'json' })).fetch(['key'], signal()),
  )
  t.match(error, { kind: 'unavailable', reason: 'malformed' })
})

t.test('a file beyond the limit is an error of its own', async (t) => {
  const path = t.testdir({ key: 'CANARY-'.repeat(100), small: 'CANARY-1' })
  const result = await (await fileProvider(t, path, { maxBody: 100 })).fetch(['key', 'small'], signal())
  t.match(result.get('key'), { kind: 'unavailable', reason: 'oversized' })
  t.equal(text(result.get('small')), 'CANARY-1')
  leaksNothing(t, result)
})

t.test('files that announce no size are read to their end', async (t) => {
  const bytes = await readStable('/proc/self/status', 1024 * 1024).catch(() => undefined)
  t.equal(process.platform === 'linux', bytes !== undefined && bytes.length > 0)
})

t.test('a file without permission is denied by itself', async (t) => {
  const path = publicDirectory(t, { key: 'CANARY-1', other: 'CANARY-2' })
  chmodSync(join(path, 'key'), 0)
  const result = await unprivileged(await fileProvider(t, path)).fetch(['key', 'other'], signal())
  t.match(result.get('key'), { kind: 'denied', reason: 'denied' })
  t.equal(text(result.get('other')), 'CANARY-2')
})
