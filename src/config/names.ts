/** The rules of names. A secret's name is part of a URL's path, a file's name and a label: hence the restrictions. */

/** 256 bytes of UTF-8 fit a file's name in hex, a URL and a metric's label. */
const longestSecretName = 256
const longestKey = 1024

/**
 * No control character, no half of a surrogate pair (it has no UTF-8), no backslash, no segment that is empty, `.` or
 * `..`, and one `*` at most.
 */
export const secretNamePattern =
  /^(?!\.{0,2}(?:\/|$))(?![\s\S]*\/\.{0,2}(?:\/|$))[^\p{Cc}\p{Cs}\\*]*\*?[^\p{Cc}\p{Cs}\\*]*$/u
export const secretNameExpected =
  'a name of 1 to 256 bytes without control characters, backslash or empty, "." or ".." segments, and with one "*" at most'

export const providerNamePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/
export const providerNameExpected =
  'a name of 1 to 63 letters, digits, ".", "_" and "-" that begins and ends with a letter or digit'

export const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/
export const variableExpected = 'the name of an environment variable, such as AUTH_TOKEN'

export function isSecretName(name: string): boolean {
  return secretNamePattern.test(name) && Buffer.byteLength(name) <= longestSecretName
}

/** A pattern stands for many secrets: it has one `*`, which matches any characters, `/` among them. */
export function isPattern(name: string): boolean {
  return name.includes('*')
}

export const keyPattern = /^[^\p{Cc}\p{Cs}]+$/u
export const keyExpected = "the provider's name for it: 1 to 1024 bytes without control characters"

export function isKey(key: string): boolean {
  return keyPattern.test(key) && Buffer.byteLength(key) <= longestKey
}
