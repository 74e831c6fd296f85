import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { weaknessOf } from '../../src/config/token-strength.ts'
import { run } from '../support/process-child.ts'
import { folderOf } from '../support/process-sidecar.ts'

/** 256 bits in base64url, and a newline. */
const form = /^[A-Za-z0-9_-]{43}\n$/

t.test('it prints a token that the configuration takes, another one each time', async (t) => {
  const all = await Promise.all([1, 2, 3].map(() => run(t, ['token'])))
  for (const { code, stdout, stderr } of all) {
    t.match({ code, stderr }, { code: 0, stderr: '' })
    t.match(stdout, form)
    t.equal(weaknessOf(stdout.trimEnd()), undefined)
  }
  t.equal(new Set(all.map(({ stdout }) => stdout)).size, 3)
})

t.test('--file writes it for the owner alone, and prints only where', async (t) => {
  const folder = folderOf(t)
  const path = join(folder, 'web.token')
  const { code, stdout, stderr } = await run(t, ['token', '--file', path])
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.equal(stdout, `${path}: a new token was written\n`)
  t.match(readFileSync(path, 'utf8'), form)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.strictSame(readdirSync(folder), ['web.token'], 'nothing is left beside it')
})

t.test('a relative path begins at the working directory', async (t) => {
  const cwd = folderOf(t)
  t.match(await run(t, ['token', '--file', 'a.token'], { cwd }), { code: 0 })
  t.match(readFileSync(join(cwd, 'a.token'), 'utf8'), form)
})

t.test('what is there stays, unless --force replaces it', async (t) => {
  const folder = folderOf(t)
  const path = join(folder, 'web.token')
  writeFileSync(path, 'CANARY-former\n', { mode: 0o644 })
  t.match(await run(t, ['token', '--file', path]), {
    code: 1,
    stdout: '',
    stderr: `sidekeep: The token cannot be written to ${path}: it is there already (EEXIST). Choose another path, or replace it with --force. (SIDEKEEP_TOKEN_NOT_WRITTEN)\n`,
  })
  t.equal(readFileSync(path, 'utf8'), 'CANARY-former\n')
  t.strictSame(readdirSync(folder), ['web.token'])

  t.match(await run(t, ['token', '--file', path, '--force']), { code: 0, stderr: '' })
  t.match(readFileSync(path, 'utf8'), form)
  t.equal(statSync(path).mode & 0o777, 0o600, 'whatever the mode of the former one was')
  t.strictSame(readdirSync(folder), ['web.token'])
})

t.test('a link in the place of the file is never followed', async (t) => {
  const folder = folderOf(t)
  const [victim, link, dangling] = ['victim', 'link', 'dangling'].map((name) => join(folder, name))
  if (victim === undefined || link === undefined || dangling === undefined) throw new Error('no paths')
  writeFileSync(victim, 'untouched')
  symlinkSync(victim, link)
  symlinkSync(join(folder, 'absent'), dangling)
  for (const path of [link, dangling]) t.match(await run(t, ['token', '--file', path]), { code: 1 })
  t.match(await run(t, ['token', '--file', link, '--force']), { code: 0 })
  t.equal(readFileSync(victim, 'utf8'), 'untouched')
  t.notOk(lstatSync(link).isSymbolicLink(), 'the link itself was replaced')
  t.strictSame(readdirSync(folder).sort(), ['dangling', 'link', 'victim'])
})

t.test('where it cannot be written it says why, and leaves nothing behind', async (t) => {
  const folder = folderOf(t)
  mkdirSync(join(folder, 'folder'))
  const cases: [string[], string][] = [
    [['--file', join(folder, 'absent', 'token')], 'its folder does not exist (ENOENT)'],
    [['--file', join(folder, 'folder')], 'it is there already (EEXIST)'],
    [['--file', join(folder, 'folder'), '--force'], 'it is a folder (EISDIR)'],
  ]
  for (const [args, told] of cases) {
    t.match(await run(t, ['token', ...args]), { code: 1, stdout: '', stderr: told })
  }
  t.strictSame(readdirSync(folder), ['folder'])
})

t.test('a folder that may be written to and not read will do', async (t) => {
  const folder = folderOf(t)
  chmodSync(folder, 0o300)
  t.teardown(() => chmodSync(folder, 0o700))
  t.match(await run(t, ['token', '--file', join(folder, 'token')]), { code: 0, stderr: '' })
})

t.test('--force alone is refused', async (t) => {
  t.match(await run(t, ['token', '--force']), { code: 78, stdout: '', stderr: /--force is for --file/ })
})
