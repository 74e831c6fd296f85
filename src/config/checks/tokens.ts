/** Whether the tokens of callers are there, hard to guess, and each of one caller alone. */
import { CodedError } from '../../errors.ts'
import { callersOf, type Door } from '../doors.ts'
import { atValue } from '../issues.ts'
import { formatPath, type Path, quote } from '../problems.ts'
import { pathKey, type Raw } from '../raw.ts'
import { isAbsent, type StringSource } from '../source.ts'
import { weaknessOf } from '../token-strength.ts'
import { mostCallers } from './callers.ts'
import type { Crossing, Findings } from './finding.ts'

interface Place {
  readonly path: Path
  /** Whose it is. */
  readonly caller: Path
  readonly source: StringSource
}

/** A token, why there is none yet, or why there is none that will do. */
type Reading = { readonly token: string } | { readonly absence: string } | { readonly flaw: string }

/** Files read at a time: each takes a descriptor, of which a process may have a thousand. */
const atOnce = 32

const expected = 'a token of 128 bits or more, such as "sidekeep token" makes'

/** Reads every token once. What is found names places, never a token. */
export async function checkTokens(doors: readonly Door[], raw: Raw): Promise<Findings> {
  const problems: Crossing[] = []
  const warnings: string[] = []
  const known = new Map<string, Place>()
  for await (const [place, reading] of readings(doors, raw)) {
    const { path, caller } = place
    const wrong = (got: string, what: string = expected, ...others: Path[]): void => {
      problems.push({ problem: { ...atValue(path, what, raw), got }, about: [path, ...others] })
    }
    if ('absence' in reading) {
      warnings.push(`${formatPath(path)} ${reading.absence}: nobody is let in by it until it is there.`)
    } else if ('flaw' in reading) {
      wrong(reading.flaw)
    } else {
      const weakness = weaknessOf(reading.token)
      const earlier = known.get(reading.token) ?? place
      known.set(reading.token, earlier)
      if (weakness !== undefined) wrong(`one from ${describe(place, raw)} that ${weakness}`)
      else if (pathKey(earlier.caller) !== pathKey(caller)) {
        const other = formatPath(earlier.path)
        wrong('the same one', `another token than ${other}: it could not be told whose it is`, earlier.path)
      }
    }
  }
  return { problems, warnings }
}

/** In the order of the configuration. */
async function* readings(doors: readonly Door[], raw: Raw): AsyncGenerator<[Place, Reading]> {
  // Of more callers than there may be, all are refused anyway.
  const places = doors
    .flatMap(callersOf)
    .slice(0, mostCallers)
    .flatMap(({ path, caller }) =>
      caller.tokens.map(
        (source, index): Place => ({ path: [...path, 'tokens', index], caller: path, source }),
      ),
    )
  for (let from = 0; from < places.length; from += atOnce) {
    const some = places.slice(from, from + atOnce)
    yield* await Promise.all(
      some.map(async (place): Promise<[Place, Reading]> => [place, await read(place, raw)]),
    )
  }
}

async function read(place: Place, raw: Raw): Promise<Reading> {
  const { source } = place
  const { unsetVariable } = source
  if (unsetVariable !== undefined) {
    return { absence: `is to come from the variable ${unsetVariable}, which is not set` }
  }
  try {
    return { token: await source.read() }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    const where = describe(place, raw)
    if (isAbsent(error)) return { absence: `is to come from ${where}, which does not exist` }
    // It begins with the place, and ends with a remedy.
    return { flaw: error.message.replace(source.describe(), () => where).replace(/\.$/, '') }
  }
}

/** Where the token is, without what a variable put into the path. */
function describe({ path, source }: Place, raw: Raw): string {
  const template = raw.templates.get(pathKey([...path, 'file']))
  return template === undefined ? source.describe() : `file ${quote(template)}`
}
