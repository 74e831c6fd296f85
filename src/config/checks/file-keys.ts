/** What secrets are called in a file, as far as it is known before any is held. */
import { isPattern } from '../../secrets/rules.ts'
import { defaultKey, dotenvKey, pathFault } from '../file-keys.ts'
import { atValue } from '../issues.ts'
import { formatPath, type Path, quote } from '../problems.ts'
import { pathKey, type Raw } from '../raw.ts'
import type { FileConfig } from '../schema.ts'
import type { Crossing, Findings } from './finding.ts'

/** A secret that is named one by one, what it is called in the file, and the option that says so. */
interface Named {
  readonly key: string
  readonly path: Path
}

export function keyFindings(at: Path, file: FileConfig, raw: Raw): Findings {
  const named = namedOf(at, file)
  const fit = named.filter(({ key }) => faultOf(file, key) === undefined)
  return {
    problems: [
      ...named.flatMap((entry) => faultProblems(entry, file, raw)),
      ...doubleProblems(fit, raw),
      ...(file.format === 'directory' ? folderProblems(fit, raw) : []),
    ],
    warnings: file.format === 'dotenv' ? variableWarnings(at, fit, raw) : [],
  }
}

function namedOf(at: Path, { format, secrets = [], keys = {} }: FileConfig): Named[] {
  const named: Named[] = Object.entries(keys).map(([secret, key]) => ({
    key,
    path: [...at, 'keys', secret],
  }))
  const known = new Set(Object.keys(keys))
  for (const [index, secret] of secrets.entries()) {
    if (isPattern(secret) || known.has(secret)) continue
    known.add(secret)
    named.push({ key: defaultKey(format, secret), path: [...at, 'secrets', index] })
  }
  return named
}

function faultOf({ format }: FileConfig, key: string): string | undefined {
  if (!key.isWellFormed()) return 'has half of a surrogate pair, which has no UTF-8'
  if (format === 'dotenv' && !dotenvKey.test(key)) return 'is no name of a variable'
  return format === 'directory' ? pathFault(key) : undefined
}

function faultProblems({ key, path }: Named, file: FileConfig, raw: Raw): Crossing[] {
  const fault = faultOf(file, key)
  if (fault === undefined) return []
  const isOwn = path.includes('secrets')
  const kinds = {
    dotenv: 'the name of a variable, such as DB_PASSWORD',
    directory: 'a path below the folder',
  }
  const kind = file.format === 'dotenv' || file.format === 'directory' ? kinds[file.format] : 'a text'
  const remedy = isOwn ? ': name it otherwise in keys' : ''
  return [
    { problem: atValue(path, `${kind}; this one ${fault}${remedy}`, raw), about: [path, formatOf(path)] },
  ]
}

/** One of two that are called the same would be lost. */
function doubleProblems(named: readonly Named[], raw: Raw): Crossing[] {
  const taken = new Map<string, Named>()
  return named.flatMap((entry): Crossing[] => {
    const { key, path } = entry
    const other = taken.get(key)
    if (other === undefined) {
      taken.set(key, entry)
      return []
    }
    const expected = `another name than that of ${formatPath(other.path)}: both are written${asKey(key, [path, other.path], raw)}; name one of them in keys`
    return [{ problem: atValue(path, expected, raw), about: [path, other.path, formatOf(path)] }]
  })
}

function folderProblems(named: readonly Named[], raw: Raw): Crossing[] {
  const byKey = new Map(named.map((entry) => [entry.key, entry]))
  return named.flatMap(({ key, path }): Crossing[] => {
    for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
      const file = byKey.get(key.slice(0, slash))
      if (file === undefined) continue
      const expected = `a path that is not below that of ${formatPath(file.path)}, which would be a file and a folder: name one of them in keys`
      return [{ problem: atValue(path, expected, raw), about: [path, file.path, formatOf(path)] }]
    }
    return []
  })
}

/** Variables of POSIX shells and bash that cannot be assigned to: a shell that reads the file complains and goes on without, or ends. */
const readOnly = new Set(['UID', 'EUID', 'PPID', 'SHELLOPTS', 'BASHOPTS', 'BASH_VERSINFO'])

/** Variables that shells, loaders and runtimes act upon: whoever reads the file would change how programs run. */
const acting =
  /^(?:_|PATH|IFS|HOME|PWD|OLDPWD|SHELL|ENV|BASH_ENV|CDPATH|PS[0-4]|OPTIND|PROMPT_COMMAND|LD_\w+|DYLD_\w+|LANG|LC_\w+|NODE_OPTIONS|PYTHON(?:PATH|HOME|STARTUP)|PERL5(?:LIB|OPT)|RUBY(?:LIB|OPT)|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH)$/

function variableWarnings(at: Path, named: readonly Named[], raw: Raw): string[] {
  return named.flatMap(({ key, path }) => {
    const why = readOnly.has(key)
      ? 'a variable that bash lets nobody assign to'
      : acting.test(key)
        ? 'a variable that shells or programs act upon'
        : undefined
    if (why === undefined) return []
    return [
      `${formatPath(path)} is written${asKey(key, [path], raw)}, ${why}: name it otherwise in ${formatPath([...at, 'keys'])}.`,
    ]
  })
}

/** What came from a variable of the environment is not repeated. */
function asKey(key: string, paths: readonly Path[], raw: Raw): string {
  return paths.some((path) => raw.templates.has(pathKey(path))) ? '' : ` as ${quote(key)}`
}

/** Which names are fit depends on the format. */
const formatOf = (path: Path): Path => [...path.slice(0, 2), 'format']
