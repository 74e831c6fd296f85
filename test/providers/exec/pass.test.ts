import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { parse } from '../../config/helpers.ts'
import { signal, text } from '../conformance.ts'
import { execProvider } from './support.ts'

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const skip = ['pass', 'gpg', 'gpgconf'].every(isInstalled) ? false : 'pass and gpg are not installed'

t.test(
  'the example for pass reads entries, and takes no folder and no lost store for one',
  { skip },
  async (t) => {
    // Not the test's own folder: the path of an agent's socket is bounded.
    const home = mkdtempSync(join(tmpdir(), 'p-'))
    const [gnupg, store] = [join(home, '.gnupg'), join(home, 'store')]
    const env = { PATH: process.env.PATH, HOME: home, PASSWORD_STORE_DIR: store }
    t.teardown(() => {
      execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env, stdio: 'ignore' })
      rmSync(home, { recursive: true, force: true })
    })
    mkdirSync(gnupg, { mode: 0o700 })
    const stdio = ['pipe', 'ignore', 'ignore'] as const
    const make = ['--batch', '--passphrase', '', '--quick-gen-key', 'a@b.test', 'default', 'default', 'never']
    execFileSync('gpg', make, { env, stdio: [...stdio] })
    execFileSync('pass', ['init', 'a@b.test'], { env, stdio: [...stdio] })
    execFileSync('pass', ['insert', '-e', 'prod/db'], { env, stdio: [...stdio], input: 'CANARY-value\n' })

    const page = await readFile(new URL('../../../docs/providers/exec.md', import.meta.url), 'utf8')
    const yaml = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].find(([, text]) =>
      text?.includes('PASSWORD_STORE_DIR'),
    )
    const example = (await parse(yaml?.[1] ?? '')).config.providers.pass
    if (example?.type !== 'exec') throw new Error('no such example')
    const providerOf = (folder: string) =>
      execProvider(t, example.command, {
        exitCodes: example.exitCodes,
        env: { HOME: new StringSource(home), PASSWORD_STORE_DIR: new StringSource(folder) },
      })
    const found = await providerOf(store).fetch(['prod/db', 'prod', 'prod/none'], signal())
    t.equal(text(found.get('prod/db')), 'CANARY-value')
    t.match(found.get('prod'), { kind: 'missing' })
    t.match(found.get('prod/none'), { kind: 'missing' })
    const lost = (await providerOf(join(home, 'none')).fetch(['prod/db'], signal())).get('prod/db')
    t.match(lost, { kind: 'unavailable', reason: 'status' })
  },
)
