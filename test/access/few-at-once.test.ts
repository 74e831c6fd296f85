import t from 'tap'
import { fewAtOnce } from '../../src/access/few-at-once.ts'
import fc from '../support/property.ts'
import { settle } from '../support/virtual-clock.ts'

t.test('so many run at once, in the order in which they came, whichever end first or fail', async (t) => {
  const scenario = fc.record({
    most: fc.integer({ min: 1, max: 4 }),
    pieces: fc.array(fc.record({ after: fc.integer({ min: 0, max: 5 }), fails: fc.boolean() }), {
      maxLength: 20,
    }),
  })
  await fc.assert(
    fc.asyncProperty(scenario, async ({ most, pieces }) => {
      const inTurn = fewAtOnce(most)
      const begun: number[] = []
      let running = 0
      let highest = 0
      const results = await Promise.allSettled(
        pieces.map(({ after, fails }, at) =>
          inTurn(async () => {
            begun.push(at)
            running += 1
            highest = Math.max(highest, running)
            for (let turn = 0; turn < after; turn += 1) await Promise.resolve()
            running -= 1
            if (fails) throw new Error(`piece ${at}`)
            return at
          }),
        ),
      )
      if (begun.some((piece, at) => piece !== at) || begun.length < pieces.length) return false
      if (highest > most || (pieces.length > 0 && highest === 0)) return false
      return results.every(
        (result, at) =>
          (result.status === 'rejected') === pieces[at]?.fails &&
          (result.status === 'rejected' || result.value === at),
      )
    }),
  )
  t.pass()
})

t.test('a place that becomes free is used again', async (t) => {
  const inTurn = fewAtOnce(1)
  t.equal(await inTurn(async () => 'first'), 'first')
  await t.rejects(
    inTurn(() => Promise.reject(new Error('second'))),
    { message: 'second' },
  )
  const held = Promise.withResolvers<string>()
  const third = inTurn(() => held.promise)
  let isFourth = false
  const fourth = inTurn(async () => {
    isFourth = true
  })
  await settle()
  t.equal(isFourth, false)
  held.resolve('third')
  t.equal(await third, 'third')
  await fourth
  t.equal(isFourth, true)
})
