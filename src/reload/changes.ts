import { isEqual } from '../config/equal.ts'
import type { Config } from '../config/schema.ts'
import { isPattern } from '../secrets/rules.ts'

/** What of a mapping by name is different. */
export interface Difference {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

/** What another configuration changes: names and paths, never what stands there. */
export interface Changes {
  /** Rules of secrets. */
  readonly secrets: Difference
  readonly providers: Difference
  /** All else: `api.listen`, a whole section that came or went, or `files` and the path of one of them. */
  readonly options: readonly string[]
}

const sections = [
  'api',
  'ops',
  'cache',
  'reload',
  'shutdown',
  'log',
  'audit',
  'proxy',
] as const satisfies (keyof Config)[]

/** What is different between two configurations; undefined where they say the same. */
export function changesBetween(before: Config, after: Config): Changes | undefined {
  const changes = {
    secrets: withOrder(difference(before.secrets, after.secrets), before.secrets, after.secrets),
    providers: difference(before.providers, after.providers),
    options: [
      ...sections.flatMap((section) => optionsOf(section, before[section], after[section])),
      ...optionsOf('files', byPath(before.files), byPath(after.files)),
    ],
  }
  const { secrets, providers, options } = changes
  return isEmpty(secrets) && isEmpty(providers) && options.length === 0 ? undefined : changes
}

/** What takes effect only at the next start. */
export function needingRestart({ options }: Changes): string[] {
  return options.filter((option) => option === 'log.format')
}

/** What may put a listener somewhere else, beside `listen` itself: further ones, and HTTPS in place of HTTP. */
const moving: ReadonlySet<string> = new Set(['ops', 'proxy', 'api.listeners', 'api.tls'])

/** Whether a listener may be somewhere else than before, or answer in another way, or have come or gone. */
export function movesListeners({ options }: Changes): boolean {
  return options.some((option) => isPlace(option) || moving.has(option))
}

/** A file may be called anything. */
function isPlace(option: string): boolean {
  return option.endsWith('.listen') && !option.startsWith('files.')
}

function byPath(files: Config['files']): Readonly<Record<string, unknown>> {
  return Object.fromEntries(files.map((file) => [file.path, file]))
}

function isEmpty({ added, removed, changed }: Difference): boolean {
  return added.length + removed.length + changed.length === 0
}

function difference(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Difference {
  const isIn = (names: object) => (name: string) => Object.hasOwn(names, name)
  const kept = Object.keys(after).filter(isIn(before))
  return {
    added: Object.keys(after).filter((name) => !Object.hasOwn(before, name)),
    removed: Object.keys(before).filter((name) => !Object.hasOwn(after, name)),
    changed: kept.filter((name) => !isEqual(before[name], after[name])),
  }
}

/** Of two patterns that are equally specific the first one wins: those whose order is another are changed too. */
function withOrder(found: Difference, before: Config['secrets'], after: Config['secrets']): Difference {
  const kept = (names: object, others: object): string[] =>
    Object.keys(names).filter((name) => isPattern(name) && Object.hasOwn(others, name))
  const was = kept(before, after)
  const moved = kept(after, before).filter((name, index) => name !== was[index])
  return moved.length === 0 ? found : { ...found, changed: [...new Set([...found.changed, ...moved])] }
}

function optionsOf(section: string, before: object | undefined, after: object | undefined): string[] {
  if (before === undefined || after === undefined) return before === after ? [] : [section]
  const { added, removed, changed } = difference({ ...before }, { ...after })
  return [...added, ...removed, ...changed].map((option) => `${section}.${option}`)
}
