/** RESP2, as much of it as the limits use: https://redis.io/docs/latest/develop/reference/protocol-spec/ */

/** The whole commands at the beginning of a text, and what is left of it. */
export function commandsIn(text: string): { commands: string[][]; left: string } {
  const commands: string[][] = []
  let at = 0
  for (;;) {
    const command = commandAt(text, at)
    if (command === undefined) return { commands, left: text.slice(at) }
    commands.push(command.words)
    at = command.end
  }
}

function commandAt(text: string, from: number): { words: string[]; end: number } | undefined {
  const head = lineAt(text, from, '*')
  if (head === undefined) return undefined
  const words: string[] = []
  let at = head.end
  while (words.length < head.number) {
    const length = lineAt(text, at, '$')
    if (length === undefined || text.length < length.end + length.number + 2) return undefined
    words.push(text.slice(length.end, length.end + length.number))
    at = length.end + length.number + 2
  }
  return { words, end: at }
}

function lineAt(text: string, from: number, kind: string): { number: number; end: number } | undefined {
  const end = text.indexOf('\r\n', from)
  if (end < 0) return undefined
  if (text[from] !== kind) throw new Error(`${kind} was expected, and not ${text.slice(from, end)}`)
  return { number: Number(text.slice(from + 1, end)), end: end + 2 }
}

export function simple(text: string): string {
  return `+${text}\r\n`
}

export function simpleError(text: string): string {
  return `-${text}\r\n`
}

export function bulk(text: string | undefined): string {
  return text === undefined ? '$-1\r\n' : `$${text.length}\r\n${text}\r\n`
}

export function integers(numbers: readonly bigint[]): string {
  return `*${numbers.length}\r\n${numbers.map((number) => `:${number}\r\n`).join('')}`
}
