/**
 * A process that reads what is published in a hot loop, until its standard input ends: `file PATH` or `folder PATH`. Each
 * version is a number, and everything in it is that number over and over. Prints what it saw as JSON.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

export interface Report {
  readonly reads: number
  readonly versions: number
  /** What must not be, in words. */
  readonly wrong: readonly string[]
}

const names = ['a', 'b', 'db/c']

/** The version that a text is of; undefined where it is torn. */
function versionOf(text: string): number | undefined {
  const [first = '', ...rest] = text.split('\n')
  rest.pop()
  return rest.length > 0 && rest.every((line) => line === first) ? Number(first) : undefined
}

function main(kind: string, path: string): void {
  let isOver = false
  let reads = 0
  let last = 0
  const versions = new Set<number>()
  const wrong: string[] = []
  const see = (place: string): number | undefined => {
    reads += 1
    try {
      const version = versionOf(readFileSync(place, 'utf8'))
      if (version === undefined) wrong.push(`${place} is torn`)
      else versions.add(version)
      return version
    } catch (error) {
      wrong.push(`${place}: ${error}`)
      return undefined
    }
  }
  const inOrder = (place: string, version: number | undefined): void => {
    if (version !== undefined && version < last) wrong.push(`${place} went from ${last} to ${version}`)
    last = version ?? last
  }
  /** Reads all files of the set that is current; one that is kept from the processor for long finds it gone. */
  const inSet = (): void => {
    const set = realpathSync(join(path, '..data'))
    const before = wrong.length
    const found = new Set(names.map((name) => see(join(set, name))))
    if (realpathSync(join(path, '..data')) !== set && !existsSync(set)) wrong.length = before
    else if (found.size !== 1) wrong.push(`${set} is mixed`)
  }
  const round = (): void => {
    for (let time = 0; time < 50; time += 1) {
      if (kind === 'file') inOrder(path, see(path))
      else {
        inSet()
        for (const name of names) inOrder(name, see(join(path, name)))
      }
    }
    if (!isOver) setImmediate(round)
    else process.stdout.write(JSON.stringify({ reads, versions: versions.size, wrong: wrong.slice(0, 20) }))
  }
  process.stdin.on('end', () => {
    isOver = true
  })
  process.stdin.resume()
  process.stdout.write('\n')
  round()
}

if (import.meta.main) main(process.argv[2] ?? '', process.argv[3] ?? '')
