/**
 * The attack: path tricks, those that nobody has thought of yet. See path-tricks.test.ts for those that are known.
 */

import t from 'tap'
import fc from '../support/property.ts'
import { answersIn, speak } from '../support/raw-http.ts'
import { isInside, limited, outside, requestsFor, tells, worldOf } from './support/limited.ts'

const hex = (char: string): string => {
  const bytes = Buffer.from(char)
  return [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}
/** One character as it is or escaped, once, twice or wrongly. */
const spelledChar = (char: string) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(char) },
    { weight: 2, arbitrary: fc.constantFrom(hex(char), hex(char).toUpperCase()) },
    { weight: 1, arbitrary: fc.constantFrom(hex(char).replaceAll('%', '%25'), `%c1%${hex(char).slice(1)}`) },
  )
const spelledName = fc
  .constantFrom(...outside)
  .chain((name) => fc.tuple(...[...name].map(spelledChar)))
  .map((parts) => parts.join(''))
const detour = fc.constantFrom(
  ...[
    '',
    '/',
    './',
    '../',
    'web/',
    'web/../',
    'web/x/../../',
    'public/',
    'public/../',
    '%2e%2e/',
    '..%2f',
    '%2f',
  ],
  ...[
    '\\',
    '..\\',
    '%5c',
    ';',
    ';/',
    '%00',
    '%00/',
    '#',
    '?',
    '%23',
    '%3f',
    '*',
    'shared/',
    'hidden/../',
    '%',
  ],
)

t.test('property: no spelling of a path gets a caller a secret outside its list', async (t) => {
  const world = await worldOf(t, limited)
  const free = await worldOf(t)
  let reached = 0
  const property = fc.asyncProperty(
    fc.array(fc.oneof(fc.constant(''), detour), { maxLength: 3 }),
    spelledName,
    fc.array(fc.oneof(fc.constant(''), detour), { maxLength: 2 }),
    fc.nat({ max: 5 }),
    async (before, name, after, which) => {
      const text = requestsFor(before.join('') + name + after.join(''))[which] ?? ''
      const heard = await speak(world.port, text)
      if (which < 3 && (await speak(free.port, text)).includes('CANARY-outside')) reached += 1
      return !tells(heard) || isInside(heard)
    },
  )
  await fc.assert(property, { numRuns: 1_000 })
  t.ok(reached > 10, `the same paths lead a caller without a list to ${reached} values`)
  t.strictSame([...world.errors, ...free.errors], [])
})

t.test('outside the list it is one answer, whether there is such a secret or not', async (t) => {
  const world = await worldOf(t, limited)
  const told = async (name: string): Promise<string[]> => {
    const all: string[] = []
    for (const text of requestsFor(name)) {
      const [answer] = answersIn(await speak(world.port, text))
      if (answer === undefined) throw new Error('no answer')
      all.push(JSON.stringify({ ...answer, headers: [...answer.headers] }).replaceAll(name, 'NAME'))
    }
    return all.map((text) => text.replaceAll(/\w{3}, \d\d .*? GMT/g, 'DATE'))
  }
  const nobody = await told('no-password')
  t.strictSame(await told('db-password'), nobody)
  t.ok(nobody.every((text) => text.includes('SIDEKEEP_NOT_ALLOWED')))
})
