import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { inspect, isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { type Content, WriteError, type WriteFailure } from '../../../src/files/content.ts'
import { publish } from '../../../src/files/writer/publish.ts'
import { canaryGuard } from '../../support/canary.ts'
import { SteppedDisk } from '../../support/writer-disk.ts'
import {
  expected,
  fileOf,
  folderOf,
  leftovers,
  seen,
  seenThroughLinks,
  writerFolder,
} from '../../support/writer-look.ts'

const before = { mode: 0o400, owner: undefined, group: undefined }
const after = { mode: 0o440, owner: undefined, group: undefined }

/** The file system as it is, but without waiting. */
const prompt = new SteppedDisk().disk

const reasons: Readonly<Record<string, WriteFailure>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'place',
  ENOTDIR: 'place',
  EISDIR: 'place',
  ELOOP: 'place',
  EBUSY: 'place',
  EMFILE: 'io',
  EIO: 'io',
  ESTALE: 'io',
}

const cases: Record<string, { from?: Content; to: Content }> = {
  'a first file': { to: fileOf('new CANARY-value') },
  'a file': { from: fileOf('old CANARY-value'), to: fileOf('new CANARY-value') },
  'a first folder': { to: folderOf({ a: 'new CANARY-a', 'db/p': 'new CANARY-p' }) },
  'a folder': {
    from: folderOf({ a: 'old CANARY-a', b: 'old CANARY-b', 'db/p': 'old CANARY-p' }),
    to: folderOf({ a: 'new CANARY-a', c: 'new CANARY-c', 'db/p': 'new CANARY-p' }),
  },
}

for (const [title, { from, to }] of Object.entries(cases)) {
  t.test(`${title} stays as it was, and nothing is left, at whatever step it fails`, async (t) => {
    const guard = canaryGuard(t)
    const { kind } = to
    const old = from === undefined ? undefined : expected(from, before.mode)
    const fresh = expected(to, after.mode)
    const errors: WriteError[] = []
    const base = writerFolder(t)
    // Hundreds of steps: only what is wrong becomes a test point.
    const wrong: string[] = []
    const expect = (isSo: boolean, what: string): void => {
      if (!isSo) wrong.push(what)
    }
    for (let at = 1, isBeyond = false; !isBeyond; at += 1) {
      const folder = join(base, `${at}`)
      mkdirSync(folder)
      const path = join(folder, 'secrets')
      if (from !== undefined) await publish(path, from, before, prompt)

      await using faulty = new SteppedDisk({ fail: { at, code: 'ENOSPC' } })
      const error = await publish(path, to, after, faulty.disk).catch((error: unknown) => error)
      isBeyond = faulty.failed === undefined
      const step = `${faulty.failed} (step ${at}): ${error}`

      const found = seen(path, kind)
      if (error instanceof WriteError) {
        errors.push(error)
        const isUnfinished = error.message.startsWith(`wrote ${path}, but`)
        expect(isDeepStrictEqual(found, isUnfinished ? fresh : old), `${step}: the content`)
        expect(isUnfinished || leftovers(folder, path, kind).length === 0, `${step}: left over`)
      } else expect(error === 'written' && isDeepStrictEqual(found, fresh), step)

      await publish(path, to, after, prompt)
      expect(isDeepStrictEqual(seen(path, kind), fresh), `${step}: the next run`)
      const linked = kind === 'folder' ? seenThroughLinks(path) : fresh
      expect(isDeepStrictEqual(linked, fresh), `${step}: the links after the next run`)
      expect(leftovers(folder, path, kind).length === 0, `${step}: left over by the next run`)
      rmSync(folder, { recursive: true })
    }
    guard.noLeak('the errors', inspect(errors))
    t.ok(errors.length > 3, 'many a step fails the whole')
    t.strictSame(wrong, [])
  })
}

t.test('each error of the system is told with its reason, the place and a remedy', async (t) => {
  for (const { from, to } of Object.values(cases)) {
    for (const [code, reason] of Object.entries(reasons)) {
      const path = join(writerFolder(t), 'secrets')
      if (from !== undefined) await publish(path, from, before, prompt)
      // What is made anew: whether the same lies there already may stay unknown.
      const { disk } = new SteppedDisk({
        before: (operation) => {
          if (operation === 'write') throw Object.assign(new Error('injected'), { code })
        },
      })
      const error = await publish(path, to, after, disk).catch((error: unknown) => error)
      if (!(error instanceof WriteError)) {
        t.fail(`${code} is not told: ${error}`)
        continue
      }
      t.equal(error.reason, reason, code)
      t.ok(error.message.startsWith(`cannot write ${path}: `) && error.message.endsWith(`(${code})`), code)
      t.ok(error.remedy.length > 10, code)
      t.strictSame(seen(path, to.kind), from && expected(from, before.mode), code)
    }
  }
})

t.test('where even removing fails, what is left is swept by the next run', async (t) => {
  for (const { from, to } of Object.values(cases)) {
    const folder = writerFolder(t)
    const path = join(folder, 'secrets')
    if (from !== undefined) await publish(path, from, before, prompt)
    const gone = new Set(['chmod', 'unlink', 'rmdir'])
    const { disk } = new SteppedDisk({
      before: (operation) => {
        if (gone.has(operation)) throw Object.assign(new Error('injected'), { code: 'EIO' })
      },
    })
    await t.rejects(publish(path, to, after, disk), { name: 'WriteError', reason: 'io' })
    t.not(leftovers(folder, path, to.kind).length, 0)
    t.strictSame(seen(path, to.kind), from && expected(from, before.mode))
    await publish(path, to, after, prompt)
    t.strictSame(seen(path, to.kind), expected(to, after.mode))
    t.strictSame(leftovers(folder, path, to.kind), [])
  }
})

t.test('an owner or a group that is refused is told with what to do in a pod', async (t) => {
  const path = join(writerFolder(t), 'secrets')
  const { disk } = new SteppedDisk({
    before: (operation) => {
      if (operation !== 'chown') return
      throw Object.assign(new Error('injected'), { code: 'EPERM', syscall: 'fchown' })
    },
  })
  for (const to of [fileOf('CANARY'), folderOf({ a: 'CANARY' })]) {
    await t.rejects(publish(path, to, { ...after, group: 4_242 }, disk), {
      reason: 'denied',
      message: /owner or group \(EPERM\)$/,
      remedy: /supplementalGroups or fsGroup.*leave `group`/,
    })
    t.equal(seen(path, to.kind), undefined)
  }
})

t.test('a place that is not fit is told, and stays as it is', async (t) => {
  const folder = writerFolder(t)
  const at = (name: string) => join(folder, name)
  mkdirSync(at('taken/inside'), { recursive: true })
  await publish(at('file'), fileOf('CANARY'), before)
  const small = folderOf({ a: 'CANARY' })
  const places: Array<[string, Content, RegExp]> = [
    [at('missing/file'), fileOf('CANARY'), /does not exist \(ENOENT\)$/],
    [at('missing/folder'), small, /does not exist \(ENOENT\)$/],
    [at('file/below'), fileOf('CANARY'), /no folder, or a link \(ENOTDIR\)$/],
    [at('file/below'), small, /no folder, or a link \(ENOTDIR\)$/],
    [at('taken'), fileOf('CANARY'), /a folder lies there$/],
    [at('file'), small, /no folder, or a link \(ENOTDIR\)$/],
    [at('taken'), folderOf({ inside: 'CANARY' }), /inside in it is not the sidecar's$/],
    [at('taken'), folderOf({ '..data': 'CANARY' }), /begin with \.\. are not for secrets: \.\.data$/],
    [at('taken'), folderOf({ 'a/../b': 'CANARY' }), /"a\/..\/b" is no path of a file below it$/],
    [at('taken'), folderOf({ 'a//b': 'CANARY' }), /no path of a file below it$/],
    [at('taken'), folderOf({ '': 'CANARY' }), /no path of a file below it$/],
    [at('taken'), folderOf({ 'a\0': 'CANARY' }), /no path of a file below it$/],
    [at('taken'), folderOf({ a: 'CANARY', 'a/b': 'CANARY' }), /both a file and a folder$/],
    [at('taken'), folderOf({ 'a/b': 'CANARY', a: 'CANARY' }), /both a file and a folder$/],
    [at('n'.repeat(256)), fileOf('CANARY'), /too long \(ENAMETOOLONG\)$/],
  ]
  for (const [path, content, message] of places) {
    const error = await publish(path, content, after).catch((error: unknown) => error)
    t.match(error, { name: 'WriteError', reason: 'place', message }, path)
    if (error instanceof WriteError) t.ok(error.message.startsWith(`cannot write ${path}: `))
  }
  t.strictSame(seen(at('file'), 'file'), expected(fileOf('CANARY'), before.mode))
  t.strictSame([readdirSync(folder).sort(), readdirSync(at('taken'))], [['file', 'taken'], ['inside']])
})
