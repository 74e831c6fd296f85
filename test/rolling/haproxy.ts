/** HAProxy as a Service or an Ingress stands in front of two replicas, and what it has to say of them. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { eventually } from '../support/e2e-eventually.ts'
import { Program } from './program.ts'

export interface Replica {
  readonly name: string
  /** Ports of 127.0.0.1. */
  readonly proxy: number
  readonly ops: number
}

/** Nothing in it may hide a failure: what fails once it has been sent to a sidecar fails for the client. */
function configuration(port: number, statistics: string, replicas: readonly Replica[]): string {
  return `
global
  # One process, one thread: the machine is for what is tested.
  nbthread 1
  stats socket ${statistics} mode 600 level user
  log stdout format raw local0

defaults
  mode http
  log global
  # Lines for what went wrong only.
  option httplog
  option dontlog-normal
  timeout connect 2s
  timeout client 30s
  timeout server 30s

frontend world
  bind 127.0.0.1:${port}
  default_backend sidecars

backend sidecars
  balance roundrobin
  # The default, said aloud: only a connection that did not come about is tried again, never what has been sent.
  retry-on conn-failure
  retries 3
  # At once on the other one, and not three times on the same: who is refused by an endpoint that is going away is led to
  # another by a Service too.
  option redispatch 1
  # The default too: connections are kept and shared, but a client's first request never goes on one that was idle.
  http-reuse safe
  # Readiness as the kubelet asks for it, and an endpoint leaves after one no, as one does whose pod is being ended. Half
  # a second is what it takes until everybody knows; an answer that a busy machine keeps for longer is no no.
  option httpchk GET /readyz
  timeout check 5s
  default-server check inter 500ms fall 1 rise 1
${replicas.map(({ name, proxy, ops }) => `  server ${name} 127.0.0.1:${proxy} check port ${ops}`).join('\n')}
`
}

/** A line of `show stat`: numbers as text, by the names of the columns. */
export type Statistics = Readonly<Record<string, string>>

export class Haproxy {
  readonly port: number
  readonly #program: Program
  readonly #socket: string

  constructor(file: string, folder: string, port: number, replicas: readonly Replica[]) {
    this.port = port
    this.#socket = join(folder, 'haproxy.sock')
    const config = join(folder, 'haproxy.cfg')
    writeFileSync(config, configuration(port, this.#socket, replicas))
    // In the foreground; `-db` also keeps it from making a process of its own.
    this.#program = new Program(file, ['-db', '-f', config])
  }

  /**
   * A line for each request that went wrong, by its termination state: not those that only went to another server, nor
   * those that wrk gave up as it ended.
   */
  get failures(): string[] {
    return this.#program.output.split('\n').filter((line) => / [^-C ][A-Z-]{3} \d+\/\d+\//.test(line))
  }

  /** Waits until it leads requests to a replica, or leads none any more. */
  async knows(name: string, status: 'UP' | 'DOWN'): Promise<void> {
    await eventually(`HAProxy to find ${name} ${status}`, async () => {
      if (this.#program.isGone) throw new Error(this.#program.output)
      const { status: found = '' } = (await this.statistics()).get(name) ?? {}
      // `UP 1/2` is on its way.
      return found === status
    })
  }

  /** By the name of the server, `BACKEND` and `FRONTEND`. */
  async statistics(): Promise<Map<string, Statistics>> {
    const socket = connect(this.#socket)
    let text = ''
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    socket.end('show stat\n')
    await once(socket, 'close')
    const [head = '', ...lines] = text.trim().split('\n')
    const columns = head.replace('# ', '').split(',')
    return new Map(
      lines.map((line) => {
        const fields = line.split(',')
        return [fields[1] ?? '', Object.fromEntries(columns.map((name, at) => [name, fields[at] ?? '']))]
      }),
    )
  }

  async stop(): Promise<void> {
    await this.#program.kill()
  }
}
