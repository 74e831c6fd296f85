import t from 'tap'
import { slopeOf } from '../../bench/support/slope.ts'

t.test('the slope of points on a line is that of the line', async (t) => {
  t.equal(
    slopeOf([
      [0, 5],
      [10, 25],
      [100, 205],
    ]),
    2,
  )
})

t.test('points that lie as far above as below do not change it', async (t) => {
  t.equal(
    slopeOf([
      [0, 1],
      [0, -1],
      [10, 21],
      [10, 19],
    ]),
    2,
  )
})
