import t from 'tap'
import { nearMiss } from '../../src/config/near-miss.ts'

t.test('a slip of the keyboard is recognised: a letter too many, too few, wrong or swapped', async (t) => {
  for (const written of ['reffresh', 'refrsh', 'refrexh', 'refrehs', 'Refresh', 'REFRESH']) {
    t.equal(nearMiss(written, ['provider', 'refresh', 'required']), 'refresh', written)
  }
})

t.test('the nearest of several is meant', async (t) => {
  t.equal(nearMiss('platfrom-b', ['platform-a', 'platform-b', 'platform-c']), 'platform-b')
})

t.test('what is far from everything has no suggestion', async (t) => {
  t.equal(nearMiss('colour', ['provider', 'refresh']), undefined)
  t.equal(nearMiss('a', ['b']), undefined)
  t.equal(nearMiss('x', []), undefined)
})

t.test('long names are not compared letter by letter', async (t) => {
  t.equal(nearMiss('x'.repeat(10_000), ['y'.repeat(10_000)]), undefined)
})
