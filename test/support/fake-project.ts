import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

const scripts = join(import.meta.dirname, '..', '..', 'scripts')

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A project of its own, with the real set-up scripts and an npm that does what the test says. */
export class FakeProject {
  readonly root: string
  readonly #tools: string
  readonly #tmp: string

  constructor(t: Test) {
    const folder = t.testdir({ project: {}, tools: {}, tmp: {} })
    this.root = join(folder, 'project')
    this.#tools = join(folder, 'tools')
    this.#tmp = join(folder, 'tmp')
    cpSync(scripts, join(this.root, 'scripts'), { recursive: true })
    this.lock('1.0.0')
    this.npm('install')
  }

  /** Writes a lock file that asks for a version of a package, beside one for a platform that nobody has. */
  lock(version: string): void {
    const packages = {
      '': { name: 'project' },
      'node_modules/some': { version, integrity: `sha512-${version}` },
      'node_modules/elsewhere': { version: '1.0.0', integrity: 'sha512-e', optional: true, os: ['none'] },
    }
    writeFileSync(join(this.root, 'package-lock.json'), JSON.stringify({ packages }))
  }

  /** The shell commands that npm runs; `install` stands for those that bring what the lock file asks for. */
  npm(commands: string): void {
    const install = [
      'mkdir -p node_modules/node/bin node_modules/.bin',
      `ln -sf '${process.execPath}' node_modules/node/bin/node`,
      "sed 's/,\"node_modules.elsewhere.*/}}/' package-lock.json > node_modules/.package-lock.json",
    ].join('\n')
    const script = `#!/bin/sh\necho "$@" >> ../npm-calls\n${commands.replace(/^install$/m, install)}\n`
    writeFileSync(join(this.#tools, 'npm'), script)
    chmodSync(join(this.#tools, 'npm'), 0o755)
  }

  /** What npm was called with, one line for each call. */
  npmCalls(): string[] {
    const file = join(this.root, '..', 'npm-calls')
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(process.execPath, [join(this.root, 'scripts', 'with-pinned-node.mjs'), ...args], {
      cwd: this.#tmp,
      env: { PATH: `${this.#tools}:/usr/bin:/bin`, TMPDIR: this.#tmp, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ending> {
    return await ending(this.start(args, env))
  }
}

/** Waits for the end of a child and all of its output. */
export async function ending(child: ChildProcess): Promise<Ending> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code, signal] = await once(child, 'close')
  return { code, signal, stdout, stderr }
}
