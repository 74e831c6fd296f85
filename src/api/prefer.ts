const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const quoted = /^"((?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)"$/
/** A number that fits no wait at all is as good as this one, in seconds. */
const longest = 1e9

/**
 * For how long a Prefer header asks us to wait at the most, in seconds; undefined where it does not. Preferences are
 * optional by nature: what is unknown or malformed is passed over, and of two of a name the first alone counts
 * (RFC 7240, sections 2 and 4.3).
 */
export function preferredWait(header: string): number | undefined {
  for (const preference of split(header, ',')) {
    // Parameters, after a semicolon, mean nothing for `wait`.
    const [text = ''] = split(preference, ';')
    const equals = text.indexOf('=')
    const name = (equals === -1 ? text : text.slice(0, equals)).trim()
    if (name.toLowerCase() !== 'wait') continue
    return secondsOf(equals === -1 ? '' : text.slice(equals + 1).trim())
  }
  return undefined
}

function secondsOf(word: string): number | undefined {
  const text = token.test(word) ? word : quoted.exec(word)?.[1]?.replace(/\\(.)/g, '$1')
  return text !== undefined && /^\d+$/.test(text) ? Math.min(Number(text), longest) : undefined
}

/** Splits at a separator, but not within quotes. A quote that is never closed takes the rest with it. */
function split(text: string, separator: string): string[] {
  const parts: string[] = []
  let start = 0
  let inQuotes = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (inQuotes && character === '\\') at += 1
    else if (character === '"') inQuotes = !inQuotes
    else if (character === separator && !inQuotes) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}
