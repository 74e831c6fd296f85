/** HTTP as bytes: requests that no client would send, and answers read as they stand. */
import { connect } from 'node:net'

/** A TCP port on 127.0.0.1, or the path of a Unix socket. */
export type Place = number | string

export interface RawAnswer {
  readonly status: number
  /** By name in lower case; of several headers of one name the last. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** Longer than anything here takes: who is not answered by then has found a hang. */
const patience = 20_000

/**
 * Writes the bytes on a connection of their own, says that no more will come, and reads until the other side has closed
 * too. What is cut off is what had come by then. Text is sent as Latin-1, byte by byte.
 */
export async function speak(place: Place, bytes: string | Buffer): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect(typeof place === 'number' ? { host: '127.0.0.1', port: place } : { path: place })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  // To be reset is an answer too, and `close` comes after it.
  socket.on('error', () => {})
  socket.once('close', () => resolve())
  const timer = setTimeout(
    () => reject(new Error('the connection was neither answered nor closed')),
    patience,
  )
  socket.end(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  try {
    await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
  return Buffer.concat(chunks).toString('latin1')
}

/** The text of a request: lines as they are, CRLF between them, and an empty line before the body. */
export function requestText(lines: readonly string[], body = ''): string {
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

/**
 * The answers in what came on a connection, in order (RFC 9112, section 2.1). Interim answers (1xx) are left out.
 *
 * @throws where it is anything else than whole answers, one after another
 */
export function answersIn(text: string): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = text
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`a head without an end: ${JSON.stringify(rest.slice(0, 200))}`)
    const [line = '', ...fields] = rest.slice(0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [ -~]*$/.exec(line)?.[1])
    if (Number.isNaN(status)) throw new Error(`no status line: ${JSON.stringify(line.slice(0, 200))}`)
    const headers = new Map(fields.map(headerOf))
    const behind = rest.slice(end + 4)
    const length = lengthOf(status, headers, behind)
    if (behind.length < length) throw new Error('a body that was cut off')
    if (status >= 200) answers.push({ status, headers, body: behind.slice(0, length) })
    rest = behind.slice(length)
  }
  return answers
}

function headerOf(field: string): [string, string] {
  const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/s.exec(field) ?? []
  if (name === '') throw new Error(`no header: ${JSON.stringify(field.slice(0, 200))}`)
  return [name.toLowerCase(), value]
}

function lengthOf(status: number, headers: ReadonlyMap<string, string>, behind: string): number {
  if (status < 200 || status === 204 || status === 304) return 0
  const length = headers.get('content-length')
  // An answer without a length ends with its connection.
  if (length === undefined) return behind.length
  // The answer to HEAD has the length of the body that it does not have: the next answer follows, or nothing.
  return behind === '' || behind.startsWith('HTTP/1.1 ') ? 0 : Number(length)
}

/** Status and code, as in `421 SIDEKEEP_HOST_NOT_ALLOWED`; an answer without a code is its status. */
export function outcomeOf({ status, headers, body }: RawAnswer): string {
  const isProblem = headers.get('content-type') === 'application/problem+json'
  const code = isProblem ? /"code":"(\w+)"/.exec(body)?.[1] : undefined
  return code === undefined ? String(status) : `${status} ${code}`
}

/** What each answer on a connection came to. */
export async function outcomes(place: Place, bytes: string | Buffer): Promise<string[]> {
  return answersIn(await speak(place, bytes)).map(outcomeOf)
}
