/** What the options of a file mean for each other, and for the other files. */
import { posix } from 'node:path'
import { atValue } from '../issues.ts'
import { formatPath, type Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { Config, FileConfig } from '../schema.ts'
import { contentFindings } from './file-content.ts'
import { notifyFindings } from './file-notify.ts'
import type { Crossing, Findings } from './finding.ts'
import { RuleNames } from './rule-names.ts'

export function filesFindings(config: Config, raw: Raw): Findings {
  const rules = new RuleNames(Object.keys(config.secrets))
  const each = config.files.map((file, index): Findings => {
    const at: Path = ['files', index]
    const content = contentFindings(at, file, config, rules, raw)
    const notify = notifyFindings(at, file, raw)
    return {
      problems: [
        ...ownerReadProblems(at, file, raw),
        ...removalProblems(at, file, raw),
        ...content.problems,
        ...notify.problems,
      ],
      warnings: [...modeWarnings(at, file), ...content.warnings, ...notify.warnings],
    }
  })
  return {
    problems: [...placeProblems(config, raw), ...each.flatMap(({ problems }) => problems)],
    warnings: each.flatMap(({ warnings }) => warnings),
  }
}

/** Each path against those before it: what is published at one would replace what lies at the other, or in it. */
function placeProblems({ files }: Config, raw: Raw): Crossing[] {
  const taken = new Map<string, Path>()
  /** The folders around what is taken, with the path that is in them. */
  const around = new Map<string, Path>()
  return files.flatMap(({ path }, index): Crossing[] => {
    const at = ['files', index, 'path']
    const place = posix.normalize(path).replace(/\/+$/, '')
    if (!path.startsWith('/') || place === '') {
      const expected = 'an absolute path below /, such as /shared/secrets.json'
      return [{ problem: atValue(at, expected, raw), about: [at] }]
    }
    const folders = foldersAround(place)
    const inside = folders.map((folder) => taken.get(folder)).find((other) => other !== undefined)
    const earlier = taken.get(place) ?? inside ?? around.get(place)
    if (earlier !== undefined) {
      const expected = `another path than ${formatPath(earlier)}, and neither in it nor around it`
      return [{ problem: atValue(at, expected, raw), about: [at, earlier] }]
    }
    taken.set(place, at)
    for (const folder of folders) if (!around.has(folder)) around.set(folder, at)
    return []
  })
}

/** `/a/b/c` is in `/a` and `/a/b`. */
function foldersAround(place: string): string[] {
  const segments = place.split('/')
  return segments.slice(2).map((_, index) => segments.slice(0, index + 2).join('/'))
}

/** What is there already is compared with what would be written, so that nothing is rewritten that has not changed. */
function ownerReadProblems(at: Path, { mode }: FileConfig, raw: Raw): Crossing[] {
  if ((mode & 0o400) !== 0) return []
  const path = [...at, 'mode']
  const expected = 'permissions with which the owner may read, such as "0440"'
  return [{ problem: atValue(path, expected, raw), about: [path] }]
}

function modeWarnings(at: Path, { mode }: FileConfig): string[] {
  const option = `${formatPath([...at, 'mode'])} is ${mode.toString(8).padStart(4, '0')}`
  const warnings: string[] = []
  if ((mode & 0o006) !== 0)
    warnings.push(
      `${option}: every user of the machine or the pod may open the secrets. Leave others without permissions, and let the application be of the group.`,
    )
  if ((mode & 0o111) !== 0)
    warnings.push(`${option}: the secrets could be run as a program. Leave out the permission to execute.`)
  return warnings
}

function removalProblems(at: Path, { removeWhen }: FileConfig, raw: Raw): Crossing[] {
  return removeWhen.flatMap((when, index): Crossing[] => {
    if (removeWhen.indexOf(when) === index) return []
    const path = [...at, 'removeWhen', index]
    return [{ problem: atValue(path, 'each of them once', raw), about: [path] }]
  })
}
