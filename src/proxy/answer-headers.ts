import { answerHeaderClass, nominatedBy } from './header-names.ts'

/**
 * The answer's headers for the client, names and values in turn; undefined where the answer is in a transfer coding
 * that nobody here can undo.
 *
 * @param raw as they came, names and values in turn
 */
export function answerHeaders(raw: readonly (Buffer | string)[], status: number): string[] | undefined {
  const kept: string[] = []
  let connection: string | undefined
  let coding: string | undefined
  let length: string | undefined
  const parts = textsOf(raw)
  for (let at = 0; at < parts.length; at += 2) {
    const [name = '', value = ''] = [parts[at], parts[at + 1]]
    switch (answerHeaderClass(name)) {
      case 'passed':
        kept.push(name, value)
        break
      case 'connection':
        connection = joined(connection, value)
        break
      case 'transfer-encoding':
        coding = joined(coding, value)
        break
      case 'content-length':
        // Of two that say the same, which the parser lets through, one is passed on (RFC 9112, section 6.3).
        length = value
        break
    }
  }
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return undefined
  // Next to chunks it means nothing (RFC 9112, section 6.3), and 204 and 1xx have none (RFC 9110, section 8.6). Elsewhere
  // it stays, even if it is nominated: without it an answer that was cut could look whole.
  if (length !== undefined && coding === undefined && status !== 204 && status >= 200)
    kept.push('Content-Length', length)
  const nominated = nominatedBy(connection)
  return nominated === undefined ? kept : without(kept, nominated)
}

const plainReason = /^[\t -~]*$/
const forbiddenInReason = /[^\t -~\u0080-\u00ff]/g

/**
 * The answer's reason phrase for the client. Undici has read it as UTF-8 and lets control characters through; Node writes
 * it as Latin-1, and throws at whatever may not be there (RFC 9112, section 4).
 */
export function answerReason(reason = ''): string {
  if (plainReason.test(reason)) return reason
  return Buffer.from(reason, 'utf8').toString('latin1').replaceAll(forbiddenInReason, '')
}

/**
 * Fields that a trailer must not hold (RFC 9110, section 6.5.1): of framing, routing, authentication, and what a client
 * must know ahead of the body.
 */
const headOnly =
  /^(?:age|authorization|cache-control|content-.*|cookie|date|expect|expires|forwarded|host|location|max-forwards|pragma|range|retry-after|set-cookie|vary|warning|www-authenticate|x-forwarded-.*|strict-transport-security|access-control-.*)$/

/** Bytes of a head that are decoded at once: undici takes no larger one. */
const longestHead = 65_536

/** The trailers that may follow an answer in chunks, names and values in turn. */
export function answerTrailers(raw: readonly (Buffer | string)[]): string[] {
  const kept: string[] = []
  const parts = textsOf(raw)
  for (let at = 0; at < parts.length; at += 2) {
    const [name = '', value = ''] = [parts[at], parts[at + 1]]
    if (answerHeaderClass(name) === 'passed' && !headOnly.test(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

function without(headers: readonly string[], nominated: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]]
    if (name === 'Content-Length' || !nominated.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

/**
 * The parts of a head as text, byte for byte. Where all lie in one buffer, as nearly always, that is decoded once: each by
 * itself would cost nearly three times as much.
 */
function textsOf(raw: readonly (Buffer | string)[]): string[] {
  const [first, last] = [raw[0], raw.at(-1)]
  if (typeof first !== 'object' || typeof last !== 'object') return raw.map(text)
  const { buffer, byteOffset: start } = first
  const length = last.byteOffset + last.length - start
  if (length < 0 || length > longestHead) return raw.map(text)
  const head = Buffer.from(buffer, start, length).toString('latin1')
  const texts: string[] = []
  for (const part of raw) {
    if (typeof part === 'string' || part.buffer !== buffer) return raw.map(text)
    const from = part.byteOffset - start
    if (from < 0 || from + part.length > length) return raw.map(text)
    texts.push(head.slice(from, from + part.length))
  }
  return texts
}

function text(part: Buffer | string): string {
  return typeof part === 'string' ? part : part.toString('latin1')
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}
