/**
 * The attack: ReDoS. A name, chosen by the caller, that takes very long to be held against the patterns of an allow-list
 * or of a rule. A pattern such as `a*a*a*b`, made a regular expression, backtracks over all ways to split the name.
 */

import t from 'tap'
import { anyOf, globOf } from '../../src/secrets/glob.ts'
import fc from '../support/property.ts'

/** The classic: as many stars as a pattern of 256 bytes can have, none of which finds its end. */
const worst = (stars: number): string => `${'a*'.repeat(stars)}b`

/** How long it takes, at its best of some times, in milliseconds. */
function timeOf(run: () => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 7; round += 1) {
    const began = performance.now()
    run()
    best = Math.min(best, performance.now() - began)
  }
  return best
}

/** How much longer it takes for a name that is eight times as long. */
function growth(matches: (name: string) => boolean, length: number): number {
  const [short, long] = ['a'.repeat(length), 'a'.repeat(8 * length)]
  const rounds = 200
  const repeat = (name: string) => () => {
    for (let round = 0; round < rounds; round += 1) matches(name)
  }
  return timeOf(repeat(long)) / timeOf(repeat(short))
}

/** A matcher as it is often written: it tries each length for each star. */
function naive(pattern: string, name: string): boolean {
  if (pattern === '') return name === ''
  if (!pattern.startsWith('*')) return name[0] === pattern[0] && naive(pattern.slice(1), name.slice(1))
  for (let length = 1; length <= name.length; length += 1) {
    if (naive(pattern.slice(1), name.slice(length))) return true
  }
  return false
}

t.test('the worst pattern takes time in proportion to the length of the name', async (t) => {
  for (const pattern of [
    worst(127),
    worst(3),
    `*${worst(100)}`,
    `${'*a'.repeat(127)}b`,
    '*b',
    `a*${'a'.repeat(120)}b*${'a'.repeat(120)}c`,
    `*${'ab'.repeat(60)}b*c`,
    `a*${'ab'.repeat(100)}`,
  ]) {
    // Linear is 8, quadratic 64. What is done at once for short names and long ones alike is less than 8.
    const ratio = growth(globOf(pattern), 2_000)
    t.ok(ratio < 30, `${pattern.slice(0, 20)}…: ${ratio.toFixed(1)} times as long for 8 times the length`)
  }
})

t.test('this test would find a matcher that backtracks', async (t) => {
  // Three stars make it cubic: 512 times as long.
  const ratio = growth((name) => naive('*a*a*b', name.slice(0, name.length / 200)), 1_200)
  t.ok(ratio > 30, `${ratio.toFixed(1)} times as long`)
})

t.test('a long name is held against a thousand patterns in no time', async (t) => {
  const patterns = Array.from({ length: 1_000 }, (_, at) => `${worst(100)}${at}`)
  const name = 'a'.repeat(16_000)
  const began = performance.now()
  t.equal(anyOf(patterns)(name), false)
  t.ok(performance.now() - began < 1_000)
})

const part = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 4 })
const pattern = fc
  .array(part, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('*'))
  .filter((text) => text !== '' && !text.includes('**'))

t.test(
  'it matches exactly what a matcher that tries everything would, so no name slips through',
  async (t) => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*'), maxLength: 14 })
    fc.assert(
      fc.property(pattern, name, (text, candidate) => globOf(text)(candidate) === naive(text, candidate)),
      { numRuns: 5_000 },
    )
    // Names that are made to match, of which random ones are few.
    fc.assert(
      fc.property(
        pattern,
        fc.array(
          part.filter((text) => text !== ''),
          { minLength: 5, maxLength: 5 },
        ),
        (text, fill) => {
          const made = text.split('*').reduce((all, piece, at) => all + (fill[at - 1] ?? '') + piece)
          return globOf(text)(made)
        },
      ),
      { numRuns: 2_000 },
    )
    t.pass()
  },
)
