/** Real servers: Debian's redis-server on a free port of loopback, with a folder of its own and nothing saved. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** Milliseconds that a server gets to start. */
const patience = 10_000

export class RealRedis {
  readonly port: number
  readonly #folder: string
  readonly #args: readonly string[]
  #process: ChildProcess | undefined
  #admin: Redis | undefined

  private constructor(scratch: string, port: number, args: readonly string[]) {
    this.port = port
    this.#folder = mkdtempSync(join(scratch, 'redis-'))
    this.#args = args
  }

  /** @param args options as redis-server takes them; `{PORT}` stands for the port in place of `--port PORT` */
  static async start(scratch: string, ...args: string[]): Promise<RealRedis> {
    const redis = new RealRedis(scratch, await freePort(), args)
    await redis.start()
    return redis
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** On the port that it had. */
  async start(): Promise<void> {
    const port = String(this.port)
    const where = this.#args.includes('{PORT}') ? ['--port', '0'] : ['--port', port]
    const fixed = ['--bind', '127.0.0.1', '--dir', this.#folder, '--save', '', '--appendonly', 'no']
    const args = [...where, ...fixed, ...this.#args.map((arg) => (arg === '{PORT}' ? port : arg))]
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    let output = ''
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => reject(new Error(`redis-server did not start:\n${output}`)), patience)
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      if (/Ready to accept connections/.test(output)) resolve()
    })
    child.once('exit', () => reject(new Error(`redis-server ended:\n${output}`)))
    child.once('error', reject)
    try {
      await promise
    } finally {
      clearTimeout(timer)
    }
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name)
  }

  async kill(): Promise<void> {
    this.#admin?.disconnect()
    this.#admin = undefined
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** A command of the administrator, who has this password. */
  async call(password: string | undefined, name: string, ...args: string[]): Promise<unknown> {
    this.#admin ??= new Redis({
      host: '127.0.0.1',
      port: this.port,
      protocol: 2,
      ...(password === undefined ? {} : { password }),
    })
    return await this.#admin.call(name, args)
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
