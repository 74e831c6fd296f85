import type { SecretState } from '../secrets/reading.ts'

/** What is recorded of one access; never a value. */
export interface AccessRecord {
  readonly action: string
  /** As it was asked for; null where the request is about no single secret. */
  readonly name: string | null
  readonly caller: string | undefined
  readonly listener: string
  readonly status: number
  readonly code: string | undefined
  readonly version: string | undefined
  readonly state: SecretState | undefined
  /** How many like it were not recorded before it. */
  readonly withheld?: number
}

/** How much of what a caller or a provider chose goes into a line, in bytes of UTF-8: as much as a name may have. */
export const longestText = 256

/**
 * What JSON leaves as it is and still moves a cursor, turns the direction of writing round or shows nothing: who asks
 * for such a name wants a line to read as another one on somebody's terminal.
 */
const deceptive = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/**
 * One access as a line of JSON, with its end.
 *
 * @param time when, as RFC 3339 has it
 */
export function lineOf(access: AccessRecord, time: string): string {
  const { caller, listener, action, name, version, state, status, code, withheld } = access
  const line = JSON.stringify({
    time,
    caller: caller ?? null,
    listener,
    action,
    name: name === null ? null : cut(name),
    version: version === undefined ? null : cut(version),
    state: state ?? null,
    status,
    code: code ?? null,
    withheld,
  })
  return `${escaped(line)}\n`
}

/**
 * Stands where accesses are missing: while the audit could not be written, so many were not recorded. It has the members
 * of any other line, so that whoever reads those by name can read it.
 */
export function gapLine(lost: number, time: string): string {
  const nothing = { name: null, version: null, state: null, status: null, code: null }
  return `${JSON.stringify({ time, caller: null, listener: null, action: 'lost', ...nothing, lost })}\n`
}

/** Among the lines of a log this one can be told apart. */
export function typed(line: string): string {
  return `{"type":"audit",${line.slice(1)}`
}

function escaped(json: string): string {
  return json.replace(deceptive, (character) =>
    Array.from({ length: character.length }, (_, at) => {
      return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
    }).join(''),
  )
}

/** The text, or as much of it as a line has room for, with an ellipsis in place of the rest. */
function cut(text: string): string {
  // A UTF-16 unit is three bytes of UTF-8 at the most: nearly every name is known to be short enough without a count.
  if (text.length * 3 <= longestText || Buffer.byteLength(text) <= longestText) return text
  const ellipsis = '…'
  const room = longestText - Buffer.byteLength(ellipsis)
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(room))
  return `${text.slice(0, read)}${ellipsis}`
}
