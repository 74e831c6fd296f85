import type { Changes, Difference } from './changes.ts'

/** How many names of one kind a line of the log has at the most. */
const mostNamed = 20

/** What a configuration changed, for a line of the log: what has not changed is not there. */
export function summaryOf({ secrets, providers, options }: Changes): Readonly<Record<string, object>> {
  return {
    ...part('secrets', secrets),
    ...part('providers', providers),
    ...(options.length === 0 ? {} : { options }),
  }
}

function part(name: string, difference: Difference): Readonly<Record<string, object>> {
  const entries = Object.entries(difference)
    .filter(([, names]) => names.length > 0)
    .map(([how, names]) => [how, shortened(names)])
  return entries.length === 0 ? {} : { [name]: Object.fromEntries(entries) }
}

function shortened(names: readonly string[]): readonly string[] {
  if (names.length <= mostNamed) return names
  return [...names.slice(0, mostNamed), `and ${names.length - mostNamed} more`]
}
