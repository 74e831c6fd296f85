/**
 * Which values the readers of dotenv files do not read as they are, for the one spelling that every shell reads right.
 * src/files/formats/dotenv.ts says the same in words: whoever changes one changes the other.
 */

const has = (value: string, characters: RegExp): boolean => characters.test(value)
const isDouble = (value: string): boolean => value.includes("'")

/** util.parseEnv and --env-file. */
export function isMisreadByNode(value: string): boolean {
  return has(value, /\r/) || (isDouble(value) && has(value, /["$`\\]/))
}

/** python-dotenv with interpolate=False. */
export function isMisreadByPython(value: string): boolean {
  if (has(value, /\r/) || value.endsWith('\\')) return true
  return isDouble(value) ? has(value, /[$`]/) : has(value, /\\\\/)
}

/** python-dotenv as it is called without arguments. */
export function isMisreadByInterpolation(value: string): boolean {
  return isMisreadByPython(value) || has(value, /\$\{[^}]*\}/)
}
