/**
 * A Redis as far as the limits use one: RESP2 over a real socket, strict about what it is sent. The script is written
 * once more here, in whole numbers, so that the two can be held against each other; test/redis/ asks real ones.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import type { Test } from 'tap'
import { scriptDigest } from '../../src/proxy/limits/redis/script.ts'
import { Keyspace } from './fake-redis-keyspace.ts'
import { bulk, commandsIn, integers, simple, simpleError } from './fake-redis-protocol.ts'

export interface FakeRedisOptions {
  /** Microseconds since the epoch. Default: a time that stands still. */
  readonly micros?: () => bigint
  /** Of the default user. */
  readonly password?: string
  /** Says that it is the one node of a cluster. */
  readonly isCluster?: boolean
  /** Serves TLS. */
  readonly tls?: TlsOptions
}

interface Client {
  readonly socket: Socket
  isKnown: boolean
}

const stillMicros = 1_800_000_000_000_000n

export class FakeRedis {
  password: string | undefined
  /** Error replies, by the command in capitals that they answer. */
  readonly errors = new Map<string, string>()
  /** Other answers in place of its own, as they go over the wire. */
  readonly answers = new Map<string, string>()
  /** Each command that came, its name in capitals. */
  readonly commands: string[][] = []
  /** How many connections there have been. */
  connections = 0
  keyspace: Keyspace
  readonly #scripts = new Set<string>()
  readonly #clients = new Set<Client>()
  readonly #options: FakeRedisOptions
  #server: Server | undefined
  #port = 0
  #isHeld = false
  #held: (() => void)[] = []
  #wake: () => void = () => {}

  constructor(options: FakeRedisOptions = {}) {
    this.#options = options
    this.password = options.password
    this.keyspace = new Keyspace(options.micros ?? (() => stillMicros))
  }

  static async start(t: Test, options: FakeRedisOptions = {}): Promise<FakeRedis> {
    const redis = new FakeRedis(options)
    await redis.listen()
    t.teardown(() => redis.stop())
    return redis
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${this.#port}`
  }

  /** On the port that it had, if it had one. */
  async listen(): Promise<void> {
    const serve = (socket: Socket): void => this.#serve(socket)
    const { tls } = this.#options
    this.#server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
    this.#server.on('tlsClientError', () => {})
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** As when it is killed. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    this.drop()
    await closed
  }

  /** Ends all connections. */
  drop(): void {
    for (const { socket } of this.#clients) socket.destroy()
  }

  /** Answers nothing until `release`, as when it stands still. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    for (const answer of this.#held.splice(0)) answer()
  }

  /** What SCRIPT FLUSH does. */
  forgetScripts(): void {
    this.#scripts.clear()
  }

  of(name: string): string[][] {
    return this.commands.filter(([first]) => first === name)
  }

  /** Resolves once so many commands of a name have come. */
  async received(name: string, count: number): Promise<void> {
    while (this.of(name).length < count) await this.#next()
  }

  /** Resolves once there have been so many connections. */
  async connected(count: number): Promise<void> {
    while (this.connections < count) await this.#next()
  }

  /** Resolves once so many of them have ended. */
  async disconnected(count: number): Promise<void> {
    while (this.connections - this.#clients.size < count) await this.#next()
  }

  async #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const others = this.#wake
    this.#wake = () => {
      others()
      resolve()
    }
    await promise
  }

  #told(): void {
    const wake = this.#wake
    this.#wake = () => {}
    wake()
  }

  #serve(socket: Socket): void {
    const client: Client = { socket, isKnown: this.password === undefined }
    this.#clients.add(client)
    this.connections += 1
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#clients.delete(client)
      this.#told()
    })
    let rest = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      const { commands, left } = commandsIn(rest + chunk)
      rest = left
      for (const [name = '', ...args] of commands) this.#take(client, [name.toUpperCase(), ...args])
    })
    this.#told()
  }

  #take(client: Client, command: string[]): void {
    this.commands.push(command)
    const answer = (): void => {
      if (!client.socket.destroyed) client.socket.write(this.#answerTo(client, command))
    }
    if (this.#isHeld) this.#held.push(answer)
    else answer()
    this.#told()
  }

  #answerTo(client: Client, [name = '', ...args]: string[]): string {
    const other = this.answers.get(name)
    if (other !== undefined) return other
    const error = this.errors.get(name)
    if (error !== undefined) return simpleError(error)
    if (name === 'AUTH') return this.#authenticate(client, args)
    if (!client.isKnown) return simpleError('NOAUTH Authentication required.')
    switch (name) {
      case 'SELECT':
        return Number(args[0]) < 16 ? simple('OK') : simpleError('ERR DB index is out of range')
      case 'CLIENT':
        return simple('OK')
      case 'CLUSTER':
        return this.#options.isCluster ? this.#ofCluster(args) : simpleError('ERR cluster support disabled')
      case 'EVALSHA':
        if (!this.#scripts.has(args[0] ?? ''))
          return simpleError('NOSCRIPT No matching script. Please use EVAL.')
        return this.#run(args.slice(1))
      case 'EVAL':
        if (Keyspace.digestOf(args[0] ?? '') !== scriptDigest) return simpleError('ERR another script')
        this.#scripts.add(scriptDigest)
        return this.#run(args.slice(1))
      default:
        return simpleError(`ERR unknown command '${name}'`)
    }
  }

  #authenticate(client: Client, args: string[]): string {
    if (this.password === undefined) {
      return simpleError(
        'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
      )
    }
    const [user, password] = args.length === 2 ? args : ['default', args[0]]
    if (user !== 'default' || password !== this.password) {
      return simpleError('WRONGPASS invalid username-password pair or user is disabled.')
    }
    client.isKnown = true
    return simple('OK')
  }

  #ofCluster([what = '']: string[]): string {
    if (what.toUpperCase() === 'INFO') return bulk('cluster_state:ok\r\n')
    const node = `*3\r\n${bulk('127.0.0.1')}:${this.#port}\r\n${bulk('0'.repeat(40))}`
    return `*1\r\n*3\r\n:0\r\n:16383\r\n${node}`
  }

  #run([count = '', ...rest]: string[]): string {
    const keys = rest.slice(0, Number(count))
    try {
      return integers(this.keyspace.run(keys, rest.slice(keys.length)))
    } catch (error) {
      return simpleError(`ERR ${error instanceof Error ? error.message : 'unknown'}`)
    }
  }
}
