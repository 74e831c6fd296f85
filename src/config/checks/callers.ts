/** Who the callers are, over all listeners, and whether what they are allowed is there. */
import { callersOf, type Door } from '../doors.ts'
import { atKey, atValue } from '../issues.ts'
import { formatPath, type Path, quote } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { Config } from '../schema.ts'
import { type Crossing, type Findings, shortList } from './finding.ts'
import { RuleNames } from './rule-names.ts'

/** Each token of each caller is compared with that of every request. */
export const mostCallers = 1_000

export function callerFindings(config: Config, doors: readonly Door[], raw: Raw): Findings {
  return {
    problems: [...nameProblems(doors, raw), ...rightsProblems(config, doors, raw)],
    warnings: allowWarnings(config, doors),
  }
}

/** A name stands for one caller in logs, metrics and the audit, whichever listener it comes to. */
function nameProblems(doors: readonly Door[], raw: Raw): Crossing[] {
  const problems: Crossing[] = []
  const known = new Map<string, Path>()
  let total = 0
  for (const door of doors) {
    const callers = callersOf(door)
    for (const { name, path } of callers) {
      const earlier = known.get(name)
      if (earlier === undefined) known.set(name, path)
      else {
        const expected = `another name: ${formatPath(earlier)} is a caller already`
        problems.push({ problem: atKey(path, expected, raw), about: [path, earlier] })
      }
    }
    const before = total
    total += callers.length
    if (before <= mostCallers && total > mostCallers) {
      const path = [...door.path, 'callers']
      const problem = atValue(path, `${mostCallers} callers at the most, over all listeners`, raw)
      problems.push({ problem: { ...problem, got: `the ${mostCallers + 1}st` }, about: [path] })
    }
  }
  return problems
}

function rightsProblems(config: Config, doors: readonly Door[], raw: Raw): Crossing[] {
  const lists: [Path, readonly string[]][] = [
    ...doors.flatMap((door) =>
      callersOf(door).map(({ path, caller }): [Path, readonly string[]] => [path, caller.rights]),
    ),
    ...config.api.listeners.map(({ rights }, index): [Path, readonly string[]] => [
      ['api', 'listeners', index],
      rights,
    ]),
  ]
  return lists.flatMap(([path, rights]) =>
    rights.flatMap((right, index): Crossing[] => {
      if (rights.indexOf(right) === index) return []
      const at = [...path, 'rights', index]
      return [{ problem: atValue(at, 'each right once', raw), about: [at] }]
    }),
  )
}

/** A misspelt name would lock its reader out, at the first request. One warning a list. */
function allowWarnings(config: Config, doors: readonly Door[]): string[] {
  const lists: { path: Path; allow: readonly string[] }[] = doors.flatMap((door) => [
    ...(door.allow === undefined ? [] : [{ path: door.path, allow: door.allow }]),
    ...callersOf(door).map(({ path, caller }) => ({ path, allow: caller.allow })),
  ])
  const names = Object.keys(config.secrets)
  // That there are no secrets at all is told elsewhere.
  if (names.length === 0) return []
  const rules = new RuleNames(names)
  return lists.flatMap(({ path, allow }) => {
    const strangers = allow.filter((entry) => !rules.mayMatch(entry))
    if (strangers.length === 0) return []
    const option = formatPath([...path, 'allow'])
    return [`${option} names what no rule of secrets names: ${shortList(strangers.map(quote))}.`]
  })
}
