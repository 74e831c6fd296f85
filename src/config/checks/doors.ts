/** What the options of one listener of the API mean for each other. */
import { callersOf, type Door } from '../doors.ts'
import { atValue } from '../issues.ts'
import { isLoopback } from '../listen.ts'
import { formatPath, type Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import { type Crossing, type Findings, isWritten } from './finding.ts'

export function doorFindings(door: Door, raw: Raw): Findings {
  const isMain = door.path.length === 1
  return {
    problems: [
      ...(isMain ? [] : whoseProblems(door, raw)),
      ...emptyProblems(door, raw),
      ...besideCallers(door, isMain ? ['access'] : ['access', 'rights', 'limit'], raw),
      ...openProblems(door, raw),
      ...tlsProblems(door, raw),
    ],
    warnings: [...openWarnings(door), ...(isMain ? modeWarnings(door) : []), ...socketWarnings(door, raw)],
  }
}

/** A further listener is for somebody: else it would be the main one once more. */
function whoseProblems({ path, callers, allow }: Door, raw: Raw): Crossing[] {
  if ((callers === undefined) !== (allow === undefined)) return []
  const about = [
    [...path, 'callers'],
    [...path, 'allow'],
  ]
  const both = callers !== undefined
  const expected = both
    ? 'nothing beside callers, since each has a list of its own'
    : 'either callers or allow, which says what the listener is for'
  const problem = {
    ...atValue(both ? [...path, 'allow'] : path, expected, raw),
    got: both ? 'both' : 'neither',
  }
  return [{ problem, about }]
}

/** Without any, nobody could ask; and nobody could tell whether that was meant. */
function emptyProblems(door: Door, raw: Raw): Crossing[] {
  if (door.callers === undefined || callersOf(door).length > 0) return []
  const path = [...door.path, 'callers']
  const problem = { ...atValue(path, 'at least one caller, or no callers at all', raw), got: 'none' }
  return [{ problem, about: [path] }]
}

/** Options that callers take the place of, or have themselves. */
function besideCallers(door: Door, options: readonly string[], raw: Raw): Crossing[] {
  if (door.callers === undefined) return []
  const callers = [...door.path, 'callers']
  return options
    .map((option): Path => [...door.path, option])
    .filter((path) => isWritten(raw, path))
    .map((path) => {
      const why = path.at(-1) === 'access' ? 'tokens take its place' : 'each caller has its own'
      const expected = `nothing here beside ${formatPath(callers)}: ${why}`
      return { problem: atValue(path, expected, raw), about: [path, callers] }
    })
}

function openProblems({ path, listen, callers, access }: Door, raw: Raw): Crossing[] {
  if (access !== 'open' || callers !== undefined || isLoopback(listen)) return []
  const about = [
    [...path, 'access'],
    [...path, 'listen'],
  ]
  const expected = '"header": only loopback and a Unix socket may be open'
  return [{ problem: atValue([...path, 'access'], expected, raw), about }]
}

/** Of any listener: a certificate proves to who is elsewhere. */
export function tlsProblems(
  { path, listen, tls }: Pick<Door, 'path' | 'listen'> & { readonly tls: unknown },
  raw: Raw,
): Crossing[] {
  if (listen.kind !== 'unix' || tls === undefined) return []
  const at = [...path, 'tls']
  const expected = 'nothing here: what goes through a Unix socket does not leave the machine'
  return [{ problem: atValue(at, expected, raw), about: [at, [...path, 'listen']] }]
}

function openWarnings({ path, access, callers }: Door): string[] {
  if (access !== 'open' || callers !== undefined) return []
  const option = formatPath([...path, 'access'])
  return [`${option} is open: any request that reaches the listener is answered, a forged one (SSRF) too.`]
}

const writableByOthers = 0o002

/** To connect to a socket is to write to it. */
function modeWarnings(door: Door): string[] {
  const { path, listen, callers, mode, socketOptions } = door
  if (listen.kind !== 'unix' || callers !== undefined || (mode & writableByOthers) === 0) return []
  const option = formatPath([...path, socketOptions.mode])
  return [
    `${option} lets everybody connect who reaches the socket, and without callers everybody may read every secret.`,
  ]
}

function socketWarnings({ path, listen, socketOptions }: Door, raw: Raw): string[] {
  if (listen.kind === 'unix') return []
  return Object.values(socketOptions)
    .map((option): Path => [...path, option])
    .filter((option) => isWritten(raw, option))
    .map(
      (option) =>
        `${formatPath(option)} has no effect: ${formatPath([...path, 'listen'])} is no Unix socket.`,
    )
}
