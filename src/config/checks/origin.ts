/** Where a secret comes from: one provider, several that are asked in turn, or others that it is composed of. */
import { isPattern } from '../../secrets/rules.ts'
import { atKey, atValue } from '../issues.ts'
import { formatPath, type Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { SecretConfig } from '../schema.ts'
import { type Crossing, isWritten } from './finding.ts'

/** A rule has exactly one of these. */
const origins = ['provider', 'fallback', 'template'] as const

export function originProblems(name: string, rule: SecretConfig, raw: Raw): Crossing[] {
  const at: Path = ['secrets', name]
  // What was written and is wrong by itself is told elsewhere, and was meant.
  const written = origins.filter((origin) => isWritten(raw, [...at, origin]))
  const [first, second] = written
  const about = origins.map((origin) => [...at, origin])
  if (first === undefined) {
    const expected = 'the name of a provider (or, in its place, fallback with several, or template)'
    return [{ problem: atValue([...at, 'provider'], expected, raw), about }]
  }
  if (second !== undefined) {
    const expected = `one of ${origins.join(', ')}: ${formatPath([...at, first])} says already where it comes from`
    return [{ problem: atKey([...at, second], expected, raw), about }]
  }
  return fallbackProblems(at, name, rule, raw)
}

function fallbackProblems(at: Path, name: string, { fallback = [] }: SecretConfig, raw: Raw): Crossing[] {
  const path = [...at, 'fallback']
  if (fallback.length > 0 && isPattern(name)) {
    const expected =
      'provider: a pattern has one provider, since fallback is for secrets that are named one by one'
    return [{ problem: atKey(path, expected, raw), about: [path] }]
  }
  const known = new Map<string, number>()
  return fallback.flatMap(({ provider, key, field }, index): Crossing[] => {
    const id = JSON.stringify([provider, key, field])
    const earlier = known.get(id)
    if (earlier === undefined) {
      known.set(id, index)
      return []
    }
    const place = [...path, index]
    const expected = `another place: ${formatPath([...path, earlier])} is the same provider with the same key`
    return [{ problem: atValue(place, expected, raw), about: [place, [...path, earlier]] }]
  })
}
