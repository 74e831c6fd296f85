/** The rules of names. A secret's name is part of a URL's path, a file's name and a label: hence the restrictions. */
import { isSecretName } from '../secrets/rules.ts'

const longestKey = 1024

/** What `isRuleName` accepts, for editors; of the length it knows nothing. */
export const secretNamePattern =
  /^(?!\.{0,2}(?:\/|$))(?![\s\S]*\/\.{0,2}(?:\/|$))[^\p{Cc}\p{Cs}\\*]*\*?[^\p{Cc}\p{Cs}\\*]*$/u
export const secretNameExpected =
  'a name of 1 to 256 bytes without control characters, backslash or empty, "." or ".." segments, and with one "*" at most'

export const providerNamePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/
export const providerNameExpected =
  'a name of 1 to 63 letters, digits, ".", "_" and "-" that begins and ends with a letter or digit'

export const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/
export const variableExpected = 'the name of an environment variable, such as AUTH_TOKEN'

/** A rule is named by a secret's name, or by a pattern: one with exactly one `*`, which stands for many. */
export function isRuleName(name: string): boolean {
  return isSecretName(name) && name.indexOf('*') === name.lastIndexOf('*')
}

export const keyPattern = /^[^\p{Cc}\p{Cs}]+$/u
export const keyExpected = "the provider's name for it: 1 to 1024 bytes without control characters"

export function isKey(key: string): boolean {
  return keyPattern.test(key) && Buffer.byteLength(key) <= longestKey
}

export const globExpected =
  'the name of a secret, or a pattern of names, in which each "*" stands for any characters (and no two stand side by side)'

/** A name, or one in which `*` stands for many: as many as one likes, but no two side by side. */
export function isGlob(pattern: string): boolean {
  return isSecretName(pattern) && !pattern.includes('**')
}
