/** An application that reads what comes as strictly as can be, and remembers whatever a proxy should not have sent. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface StrictUpstream {
  readonly origin: string
  /** Whole requests that came. */
  readonly requests: readonly { readonly line: string; readonly body: string }[]
  /** What was wrong with what came. */
  readonly faults: readonly string[]
  readonly connections: number
}

const hopByHop =
  /^(?:keep-alive|proxy-authorization|proxy-connection|proxy-authenticate|te|trailer|upgrade|expect|http2-settings)$/
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** One connection, on which requests come one after the other, each when the one before it is answered. */
class Reader {
  #text = ''
  readonly #told: (request: { line: string; body: string }) => void
  readonly #fault: (what: string) => void

  constructor(told: (request: { line: string; body: string }) => void, fault: (what: string) => void) {
    this.#told = told
    this.#fault = fault
  }

  read(text: string): void {
    this.#text += text
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#text.slice(0, end)
    const [line = '', ...fields] = head.split('\r\n')
    const body = this.#body(fields, this.#text.slice(end + 4))
    if (body === undefined) return
    this.#check(line, fields)
    if (body.rest !== '') this.#fault(`bytes behind the request: ${JSON.stringify(body.rest)}`)
    this.#text = ''
    this.#told({ line, body: body.text })
  }

  /** Undefined: it is not all there. */
  #body(fields: readonly string[], rest: string): { text: string; rest: string } | undefined {
    const length = fields
      .find((field) => /^content-length:/i.test(field))
      ?.slice(15)
      .trim()
    if (length !== undefined) {
      const size = Number(length)
      return rest.length < size ? undefined : { text: rest.slice(0, size), rest: rest.slice(size) }
    }
    if (!fields.some((field) => /^transfer-encoding:/i.test(field))) return { text: '', rest }
    let text = ''
    for (let at = 0; ; ) {
      const line = rest.indexOf('\r\n', at)
      if (line < 0) return undefined
      const size = rest.slice(at, line)
      if (!/^[0-9a-f]+$/i.test(size)) this.#fault(`a chunk size of ${JSON.stringify(size)}`)
      const begin = line + 2
      const end = begin + Number.parseInt(size, 16)
      if (rest.length < end + 2) return undefined
      if (rest.slice(end, end + 2) !== '\r\n') this.#fault('a chunk without an end')
      text += rest.slice(begin, end)
      at = end + 2
      if (end === begin) return { text, rest: rest.slice(at) }
    }
  }

  #check(line: string, fields: readonly string[]): void {
    if (!/^[A-Z][A-Z-]* \/[\x21-\x7e\x80-\xff]* HTTP\/1\.1$/.test(line)) this.#fault(`the line ${line}`)
    const names = fields.map((field) => field.slice(0, Math.max(0, field.indexOf(':'))).toLowerCase())
    const count = (wanted: string): number => names.filter((name) => name === wanted).length
    // The one protocol that is passed on, and only without a body.
    const isUpgrade = fields.some((field) => /^upgrade: websocket$/i.test(field))
    if (isUpgrade && count('content-length') + count('transfer-encoding') > 0)
      this.#fault('an upgrade with a body')
    const connection = isUpgrade ? /^connection: upgrade$/i : /^connection: (?:keep-alive|close)$/i
    for (const [at, name] of names.entries()) {
      if (!token.test(name)) this.#fault(`the header ${JSON.stringify(fields[at])}`)
      if (hopByHop.test(name) && !(isUpgrade && name === 'upgrade')) this.#fault(`the header ${name}`)
      if (/[^\t\x20-\x7e\x80-\xff]/.test(fields[at] ?? '')) this.#fault(`a control character in ${name}`)
    }
    if (count('host') !== 1) this.#fault(`${count('host')} hosts`)
    if (count('x-forwarded-for') !== 1) this.#fault(`${count('x-forwarded-for')} X-Forwarded-For`)
    if (count('x-request-id') !== 1) this.#fault(`${count('x-request-id')} X-Request-Id`)
    if (count('content-length') + count('transfer-encoding') > 1) this.#fault('more than one framing')
    for (const field of fields) {
      if (/^content-length:/i.test(field) && !/^content-length: \d+$/i.test(field)) this.#fault(field)
      if (/^transfer-encoding:/i.test(field) && !/^transfer-encoding: chunked$/i.test(field))
        this.#fault(field)
      if (/^connection:/i.test(field) && !connection.test(field)) this.#fault(field)
    }
  }
}

export async function startStrict(t: Test): Promise<StrictUpstream> {
  const requests: { line: string; body: string }[] = []
  const faults: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const reader = new Reader(
      (request) => {
        requests.push(request)
        const isToHead = request.line.startsWith('HEAD ')
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${isToHead ? '' : 'ok'}`)
      },
      (what) => faults.push(what),
    )
    socket.setEncoding('latin1')
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.on('data', (text: string) => reader.read(text))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    faults,
    get connections() {
      return sockets.size
    },
  }
}
