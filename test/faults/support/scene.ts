/** A real sidecar, a real backend and sockets between them, on a clock that stands still until a test moves it. */
import type { Socket } from 'node:net'
import { setImmediate as macrotask } from 'node:timers/promises'
import type { Test } from 'tap'
import { parseConfig } from '../../../src/config/load.ts'
import { createLog } from '../../../src/observability/log.ts'
import { type Addresses, Sidecar } from '../../../src/sidecar.ts'
import { tokenVariables } from '../../leaks/support/callers.ts'
import { Backend, type BackendItem } from '../../support/backend.ts'
import { type Ask, ask, type HttpAnswer } from '../../support/e2e-http.ts'
import { WatchedClock } from './clock.ts'
import {
  callersWait,
  callTimeout,
  configurationOf,
  held,
  hostName,
  type Mode,
  others,
  type SceneOptions,
} from './configuration.ts'
import { type Names, nameServer } from './names.ts'

/** A connection that is idle for longer than this is closed, as most servers do. In milliseconds. */
const idleTimeout = 4_000
/** In real milliseconds: a scene that does not come to rest by then never will. */
const patience = 20_000

export async function createScene(t: Test, options: SceneOptions): Promise<Scene> {
  const names = nameServer(t)
  const scene = new Scene(options, names)
  await scene.backend.start()
  t.teardown(() => scene.backend.stop())
  names.set(hostName, scene.backend.host)
  return scene
}

export class Scene {
  readonly backend: Backend
  readonly names: Names
  readonly clock: WatchedClock
  readonly mode: Mode
  /** Further backends, whose idle connections are closed as those of the first are. */
  readonly peers: Backend[] = []
  /** What a fault wants to have held true, beside what is observed of each; called when all is over. */
  readonly checks: ((t: Test) => void)[] = []
  /** Lines of the log, and of the audit where there is one, as they came. */
  readonly log: string[] = []
  readonly #options: SceneOptions
  readonly #held = new Set<Socket>()
  #sidecar: Sidecar | undefined
  #wake = (): void => {}

  constructor(options: SceneOptions, names: Names) {
    this.#options = options
    this.mode = options.mode
    this.names = names
    this.clock = new WatchedClock([callTimeout, ...callersWait], () => this.#wake())
    const secrets = [held, ...others].map((name) => [name, itemOf(name, 1)] as const)
    this.backend = new Backend({ secrets, ...(options.tls === undefined ? {} : { tls: options.tls }) })
  }

  /** How many calls the provider has made so far, those included that never reached the backend. */
  get calls(): number {
    return this.clock.begun(callTimeout)
  }

  /** Gives the secret another value and the version `version`. */
  rotate(name: string, version: number): void {
    this.backend.secrets.set(name, itemOf(name, version))
  }

  /** Builds the sidecar and starts it; stopped when the test ends. */
  async start(t: Test): Promise<void> {
    const { config } = await parseConfig(JSON.stringify(configurationOf(this.#options, this.backend.port)), {
      file: 'test',
      env: tokenVariables,
    })
    const destination = { write: (line: string) => void this.log.push(line) }
    const log = await createLog({ level: 'trace', format: 'json', destination })
    const { random } = this.#options
    const sidecar = await Sidecar.create({ config, log, version: '0', clock: this.clock, random })
    t.teardown(() => this.stop())
    await sidecar.start()
    this.#sidecar = sidecar
    await this.settled()
  }

  /** Stops the sidecar, as a signal does; once. */
  async stop(): Promise<void> {
    const sidecar = this.#sidecar
    this.#sidecar = undefined
    await sidecar?.stop()
  }

  /** Where its listeners are. */
  get addresses(): Addresses {
    const addresses = this.#sidecar?.addresses
    if (addresses === undefined) throw new Error('the sidecar has not been started')
    return addresses
  }

  /** Asks the sidecar, on its main listener unless told else; moves the clock on where the answer waits for it, and only then. */
  async ask(path: string, options: Ask = {}, address = this.addresses.api): Promise<HttpAnswer> {
    let answer: HttpAnswer | undefined
    let failure: unknown
    ask(address, path, options).then(
      (came) => {
        answer = came
        this.#wake()
      },
      (error: unknown) => {
        failure = error
        this.#wake()
      },
    )
    for (;;) {
      await this.#rest(
        () =>
          failure !== undefined ||
          answer !== undefined ||
          (callersWait.some((ms) => this.clock.waiting(ms) > 0) && this.#isSettled()),
        `an answer to ${path}`,
      )
      if (failure !== undefined) throw failure
      if (answer !== undefined) return answer
      await this.step()
    }
  }

  /**
   * The backend keeps this connection waiting on purpose: what is asked over it is not about to be answered.
   *
   * @returns what ends that, where it is to be answered after all
   */
  hold(socket: Socket): () => void {
    const release = (): void => {
      this.#held.delete(socket)
      this.#wake()
    }
    if (!socket.destroyed && !this.#held.has(socket)) {
      this.#held.add(socket)
      socket.once('close', release)
      this.#wake()
    }
    return release
  }

  /** Resolves when nothing moves any more but time: all calls have ended, or wait for a backend that keeps them waiting. */
  async settled(): Promise<void> {
    await this.#rest(() => this.#isSettled(), 'the calls under way')
  }

  /** Moves the clock by `ms`, and lets what happens on the way happen in its time. */
  async advance(ms: number): Promise<void> {
    const end = this.clock.now() + ms
    await this.settled()
    for (;;) {
      const { next } = this.clock
      if (next === undefined || this.clock.now() + next > end) break
      await this.step()
    }
    await this.clock.advance(Math.max(0, end - this.clock.now()))
  }

  /** Moves the clock to the next moment at which something is due. */
  async step(): Promise<void> {
    const { next } = this.clock
    if (next === undefined) throw new Error('nothing is due any more')
    if (next > idleTimeout && this.#options.keepsAlive !== true) await this.#closeIdle()
    await this.clock.advance(next)
    await this.settled()
  }

  /** Moves the clock until `done`; the milliseconds that took, or undefined where it takes more than `limitMs`. */
  async until(done: () => boolean | Promise<boolean>, limitMs: number): Promise<number | undefined> {
    const from = this.clock.now()
    await this.settled()
    while (!(await done())) {
      const { next } = this.clock
      if (next === undefined || this.clock.now() + next - from > limitMs) return undefined
      await this.step()
    }
    return this.clock.now() - from
  }

  /** Moves on until `count` more calls have been made and all have ended; rejects where that takes more than `limitMs`. */
  async callsEnd(count: number, limitMs: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      const before = this.calls
      const ended = (): boolean => this.calls > before && this.clock.waiting(callTimeout) === 0
      if ((await this.until(ended, limitMs)) === undefined) throw new Error('no further call comes')
    }
  }

  #isSettled(): boolean {
    return this.clock.waiting(callTimeout) === this.#held.size
  }

  /** As a server does with connections on which nothing came for a while; the client has noticed when it resolves. */
  async #closeIdle(): Promise<void> {
    const open = [this.backend, ...this.peers].flatMap(({ sockets }) => [...sockets])
    const idle = open.filter((socket) => !this.#held.has(socket))
    await Promise.all(
      idle.map((socket) => {
        const { promise, resolve } = Promise.withResolvers<void>()
        socket.once('close', () => resolve())
        socket.end()
        return promise
      }),
    )
  }

  async #rest(isDone: () => boolean, what: string): Promise<void> {
    const late = AbortSignal.timeout(patience)
    for (;;) {
      // What an event set going runs to its end first: a check in the midst of it would see neither before nor after.
      await macrotask()
      await macrotask()
      if (isDone()) return
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      this.#wake = resolve
      const giveUp = (): void =>
        reject(
          new Error(
            `${what} did not come to an end: ${this.clock.waiting(callTimeout)} of the provider, ${this.#held.size} at the backend`,
          ),
        )
      late.addEventListener('abort', giveUp, { once: true })
      await promise
      late.removeEventListener('abort', giveUp)
    }
  }
}

function itemOf(name: string, version: number): BackendItem {
  return { value: `CANARY-${name}-${version}`, version: String(version) }
}
