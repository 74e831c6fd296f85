/**
 * RC2 in CBC mode (RFC 2268), for reading alone: Windows and older OpenSSL encrypt the certificates of a container so, and
 * OpenSSL 3 keeps it in a module that Node does not load. It protects nothing here: the password is empty.
 */

/** A permutation of all bytes that comes from the digits of pi (RFC 2268, section 2). */
const pi = Buffer.from(
  [
    'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2',
    '179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82',
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626',
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7',
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec',
    'c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731',
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9',
    '0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad',
  ].join(''),
  'hex',
)

/** Bytes. */
const block = 8

/** How far each word is rotated. */
const rotations = [1, 2, 3, 5] as const

/**
 * The text without its padding (RFC 2315, section 10.3).
 *
 * @param key all of its bits count
 * @returns undefined where it was not encrypted with this key
 */
export function decryptRc2(key: Buffer, iv: Buffer, encrypted: Buffer): Buffer | undefined {
  if (encrypted.length === 0 || encrypted.length % block !== 0 || iv.length !== block) return undefined
  const words = expanded(key)
  const text = Buffer.alloc(encrypted.length)
  let previous = iv
  for (let at = 0; at < encrypted.length; at += block) {
    const piece = encrypted.subarray(at, at + block)
    const clear = decryptBlock(words, piece)
    for (let i = 0; i < block; i++) text[at + i] = (clear[i] ?? 0) ^ (previous[i] ?? 0)
    previous = piece
  }
  const padding = text.at(-1) ?? 0
  const isPadded =
    padding >= 1 && padding <= block && text.subarray(-padding).every((byte) => byte === padding)
  return isPadded ? text.subarray(0, -padding) : undefined
}

/** The 64 words that a key becomes (RFC 2268, section 2). */
function expanded(key: Buffer): Uint16Array {
  const bytes = Buffer.alloc(128)
  key.copy(bytes)
  const { length } = key
  const byteAt = (at: number): number => bytes[at] ?? 0
  const mapped = (value: number): number => pi[value & 0xff] ?? 0
  for (let at = length; at < 128; at++) bytes[at] = mapped(byteAt(at - 1) + byteAt(at - length))
  bytes[128 - length] = mapped(byteAt(128 - length))
  for (let at = 127 - length; at >= 0; at--) bytes[at] = mapped(byteAt(at + 1) ^ byteAt(at + length))
  return Uint16Array.from({ length: 64 }, (_, at) => bytes.readUInt16LE(at * 2))
}

/** One block (RFC 2268, section 4): 16 rounds of mixing, with a round of mashing after the fifth and the eleventh. */
function decryptBlock(words: Uint16Array, piece: Buffer): Buffer {
  const state = Uint16Array.from({ length: 4 }, (_, at) => piece.readUInt16LE(at * 2))
  const word = (at: number): number => state[at & 3] ?? 0
  for (let round = 15; round >= 0; round--) {
    for (let at = 3; at >= 0; at--) {
      const rotation = rotations[at] ?? 0
      const turned = (word(at) >>> rotation) | (word(at) << (16 - rotation))
      const mixed = (word(at - 1) & word(at - 2)) + (~word(at - 1) & word(at - 3))
      state[at] = turned - (words[round * 4 + at] ?? 0) - mixed
    }
    if (round === 11 || round === 5) {
      for (let at = 3; at >= 0; at--) state[at] = word(at) - (words[word(at - 1) & 63] ?? 0)
    }
  }
  const clear = Buffer.alloc(block)
  for (const [at, value] of state.entries()) clear.writeUInt16LE(value, at * 2)
  return clear
}
