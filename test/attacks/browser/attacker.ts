/** The servers of a hostile page: the one that it comes from, and the one that its name is rebound away from. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { RequestListener, ServerResponse } from 'node:http'
import http from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import net from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import * as z from 'zod'

// In a page, the end of a script is where that stands first, in a string too.
const script = readFileSync(join(import.meta.dirname, 'page.js'), 'utf8').replaceAll(
  '</script>',
  '<\\/script>',
)
const report = z.array(z.object({ vector: z.string(), saw: z.string() }))

export type Report = z.infer<typeof report>

/** What one page does. */
export interface Plan {
  /** Where it comes from: an origin that the browser finds at the attacker's own server. */
  readonly from: string
  /** The origin that it attacks. */
  readonly target: string
}

/** A page as the browser gets it. `home` takes reports, and tells where to go when it is done. */
function pageOf(plan: Plan, home: string, rebinds: boolean): string {
  const told = JSON.stringify({ ...plan, home, rebinds }).replaceAll('<', '\\u003c')
  return [
    '<!doctype html><meta charset="utf-8"><title>page</title><body>',
    `<script type="application/json" id="plan">${told}</script>`,
    `<script type="module">${script}</script>`,
  ].join('\n')
}

/** What the browser is started with: it waits for the first page. */
const startPage =
  '<!doctype html><script type="module">location.href = await (await fetch("/next")).text()</script>'

export async function listen<S extends Server>(server: S): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** The attacker's server. Serves the page of the plan that is on, redirects, and takes reports. */
export class Attacker {
  /** Called with what a page reports. */
  onReport: (report: Report) => void = () => {}
  /** Called when a page wants its name rebound. */
  onRebind: () => void = () => {}
  #page = ''
  #next: string | undefined
  #asksForNext: ServerResponse | undefined
  readonly #server = http.createServer((request, response) => void this.#answer(request, response))
  #port = 0

  get port(): number {
    return this.#port
  }

  get home(): string {
    return `http://home.example:${this.#port}`
  }

  async start(): Promise<void> {
    this.#port = await listen(this.#server)
  }

  stop(): void {
    this.#server.close().closeAllConnections()
  }

  /** Serves this plan's page at every path from now on; returns the page. */
  serve(plan: Plan, rebinds = false): string {
    this.#page = pageOf(plan, this.home, rebinds)
    return this.#page
  }

  /** Sends the browser to this URL, now or when it is done with the page that it has. */
  go(url: string): void {
    this.#next = url
    this.#tellNext()
  }

  #tellNext(): void {
    if (this.#next === undefined || this.#asksForNext === undefined) return
    this.#asksForNext.end(this.#next)
    this.#next = undefined
    this.#asksForNext = undefined
  }

  async #answer(...[request, response]: Parameters<RequestListener>): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.home)
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Cache-Control', 'no-store')
    response.setHeader('Content-Type', 'text/html')
    if (pathname === '/redirect') {
      response.writeHead(302, { Location: searchParams.get('to') ?? '' }).end()
    } else if (pathname === '/next') {
      this.#asksForNext = response
      this.#tellNext()
    } else {
      if (pathname === '/report') this.onReport(report.parse(JSON.parse(await text(request))))
      else if (pathname === '/rebind') this.onRebind()
      response.end(pathname === '/' ? this.#page : pathname === '/start' ? startPage : '')
    }
  }
}

/**
 * What a name leads to that is rebound: at first it serves a page, then it is the target itself. To the browser nothing
 * changes but what answers; to the target come the very bytes that the browser sends.
 */
export class Rebound {
  isRebound = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(page: () => string, targetPort: number) {
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
      // A browser opens connections ahead of its requests: what counts is when the first of those comes.
      socket.once('data', (first: Buffer) => {
        if (this.isRebound) handOn(socket, first, targetPort)
        else socket.end(pageAnswer(page()))
      })
    })
  }

  async start(): Promise<number> {
    return await listen(this.#server)
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

function handOn(socket: Socket, first: Buffer, port: number): void {
  const onward = net.connect(port, '127.0.0.1').on('error', () => socket.destroy())
  onward.write(first)
  socket.pipe(onward).pipe(socket)
  socket.once('close', () => onward.destroy())
}

function pageAnswer(page: string): string {
  const head = `Content-Type: text/html\r\nContent-Length: ${Buffer.byteLength(page)}\r\nConnection: close`
  return `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${page}`
}
