/** Debian's Chromium without a window, and without a network but loopback. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Every name below `.example` is this machine; no other is to be found. What it would ask of its maker's servers is
 * switched off. Its own protection of the local network too: it is the sidecar that is tested, and not every browser has it.
 */
const options = [
  '--headless=new',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--disable-popup-blocking',
  '--disable-features=LocalNetworkAccessChecks,OptimizationHints,MediaRouter',
  '--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--metrics-recording-only',
  '--mute-audio',
  '--no-default-browser-check',
  '--no-first-run',
  '--no-proxy-server',
  '--password-store=basic',
]

export class Chromium {
  readonly #process: ChildProcess

  /** @param folder for its profile and its log; whoever calls removes it */
  constructor(program: string, folder: string, url: string) {
    const log = openSync(join(folder, 'chromium.log'), 'a')
    // Its sandbox cannot be set up by root.
    const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    const profile = `--user-data-dir=${join(folder, 'profile')}`
    // A group of its own: it starts a dozen processes, and all are to end with it.
    this.#process = spawn(program, [...options, ...sandbox, profile, url], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH ?? '', HOME: folder, XDG_RUNTIME_DIR: folder },
    })
  }

  get isGone(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  async stop(): Promise<void> {
    const { pid } = this.#process
    if (pid === undefined) return
    const gone = this.isGone ? Promise.resolve() : once(this.#process, 'exit')
    signal(-pid, 'SIGTERM')
    await Promise.race([gone, pause(3_000, undefined, { ref: false })])
    signal(-pid, 'SIGKILL')
    await gone
  }
}

function signal(id: number, name: NodeJS.Signals): void {
  try {
    process.kill(id, name)
  } catch {
    // It has ended already.
  }
}
