/** Whether a caller's token can be guessed, as far as its characters tell. */

/** So many are out of reach of guessing, however many guesses a second there are (RFC 6749, section 10.10). */
const leastBits = 128

/** A secret word that somebody typed repeats few characters; 22 random ones hardly ever have fewer different ones. */
const leastDifferent = 8

/** It has to fit a header beside all others. Bytes. */
export const longestToken = 4_096

/** What a client can send as it is, in either header (RFC 9110, section 5.5): no space, nothing beyond ASCII. */
const sendable = /^[\x21-\x7e]*$/

/** 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4), of which 6 bits at the least are fixed. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * How many different characters whoever made the token chose from, the smallest alphabet first. What is drawn from a
 * smaller one, and happens to look so, is judged by that: a token is refused rather than believed.
 */
const alphabets: readonly (readonly [pattern: RegExp, size: number])[] = [
  [/^[0-9]*$/, 10],
  [/^[0-9a-f]*$/i, 16],
  [/^(?:[a-z]*|[A-Z]*)$/, 26],
  // Base32 (RFC 4648, section 6).
  [/^(?:[a-z2-7]*|[A-Z2-7]*)$/, 32],
  [/^(?:[a-z0-9]*|[A-Z0-9]*)$/, 36],
  [/^[A-Za-z]*$/, 52],
  // Base64 and base64url (RFC 4648, sections 4 and 5), and what else is unreserved in URLs.
  [/^[A-Za-z0-9+/_.~-]*$/, 64],
]
/** Visible ASCII. */
const largestAlphabet = 94

/**
 * What keeps a token from being one, as the rest of a sentence (`has 40 bits at the most, …`); undefined where it will
 * do. Says nothing of the token but its length and its kind.
 */
export function weaknessOf(token: string): string | undefined {
  if (token === '') return 'is empty'
  if (Buffer.byteLength(token) > longestToken) return `is longer than ${longestToken} bytes`
  if (!sendable.test(token))
    return 'holds a space, or a character beyond ASCII, which no header carries safely'
  if (uuid.test(token)) return `is a UUID, which has fewer than the ${leastBits} bits that are needed`
  const bits = Math.floor(bitsOf(token))
  if (bits < leastBits) {
    return `has ${bits} bits at the most, judged by its length and its characters, and ${leastBits} are needed`
  }
  const different = new Set(token).size
  if (different < leastDifferent) {
    return `has only ${different} different characters, so it was not drawn at random`
  }
  return undefined
}

/** As many as there would be if each character had been drawn at random. */
function bitsOf(token: string): number {
  const unit = unitOf(token.replace(/=+$/, ''))
  // Dashes and colons between hexadecimal digits only part them.
  const bare = /^[0-9a-f:-]*$/i.test(unit) ? unit.replace(/[:-]/g, '') : unit
  const [, size = largestAlphabet] = alphabets.find(([pattern]) => pattern.test(bare)) ?? []
  return bare.length * Math.log2(size)
}

/** Of a text that repeats itself, what is repeated. */
function unitOf(text: string): string {
  const period = `${text}${text}`.indexOf(text, 1)
  return period > 0 ? text.slice(0, period) : text
}
