import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { parse } from '../../config/helpers.ts'
import { eventually } from '../../support/e2e-eventually.ts'
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

/** The agent that gpg asks there; undefined where there is none, or none any more. */
function agentOf(env: NodeJS.ProcessEnv): number | undefined {
  const ask = ['--no-autostart', 'GETINFO pid', '/bye']
  const { stdout } = spawnSync('gpg-connect-agent', ask, { env, encoding: 'utf8' })
  const pid = /^D ([0-9]+)$/m.exec(stdout ?? '')?.[1]
  return pid === undefined ? undefined : Number(pid)
}

const skip = ['pass', 'gpg', 'gpg-agent', 'gpg-connect-agent'].every(isInstalled)
  ? false
  : 'pass and gpg are not installed'

t.test(
  'the example for pass reads entries, and takes no folder and no lost store for one',
  { skip },
  async (t) => {
    // Not the test's own folder: the path of an agent's socket is bounded.
    const home = mkdtempSync(join(tmpdir(), 'p-'))
    const [gnupg, store] = [join(home, '.gnupg'), join(home, 'store')]
    const env = { PATH: process.env.PATH, HOME: home, PASSWORD_STORE_DIR: store }
    t.teardown(() => {
      for (let pid = agentOf(env); pid !== undefined; pid = agentOf(env)) process.kill(pid, 'SIGKILL')
      rmSync(home, { recursive: true, force: true })
    })
    mkdirSync(gnupg, { mode: 0o700 })
    // Before gpg starts one of its own, which would outlive a run that is cut short: this one ends with its command, and
    // that with this process.
    const command = ['/bin/sh', '-c', 'while kill -0 $PPID; do sleep 0.1; done']
    const agent = spawn('gpg-agent', ['--homedir', gnupg, '--daemon', ...command], { env, stdio: 'ignore' })
    t.teardown(() => agent.kill('SIGKILL'))
    await eventually('the agent answers', () => agentOf(env))
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
