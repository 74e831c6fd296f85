import t from 'tap'
import { preferredWait } from '../../src/api/prefer.ts'

t.test(
  'the wait of a Prefer header is found among other preferences, whatever its case and form',
  async (t) => {
    for (const [header, seconds] of [
      ['wait=30', 30],
      ['Wait=30', 30],
      ['wait="30"', 30],
      ['wait="3\\0"', 30],
      ['wait = 30', 30],
      ['wait=0', 0],
      ['wait=007', 7],
      ['respond-async, wait=10', 10],
      ['respond-async; x=y, wait=10; strength="a, b; wait=5"', 10],
      ['foo="a, wait=1", wait=2', 2],
      ['foo="\\", wait=1", wait=2', 2],
      [', ,wait=4,', 4],
      ['return=minimal,wait=3,handling=lenient', 3],
      ['wait=99999999999999999999', 1e9],
    ] as const) {
      t.equal(preferredWait(header), seconds, header)
    }
  },
)

t.test(
  'of two waits the first alone counts, and what is malformed or another preference is none',
  async (t) => {
    t.equal(preferredWait('wait=1, wait=2'), 1)
    for (const header of [
      '',
      'wait',
      'wait=',
      'wait=""',
      'wait=-1',
      'wait=1.5',
      'wait=30s',
      'wait=1 2',
      'wait="30',
      'wait=3"0"',
      'waits=30',
      'x; wait=30',
      'foo="wait=30',
      'foo="unclosed, wait=30',
      'wait=soon, wait=30',
      '=30',
      'wait wait=30',
    ]) {
      t.equal(preferredWait(header), undefined, header)
    }
  },
)

t.test('a header as long as one can be is read in no time', async (t) => {
  const started = performance.now()
  for (const header of [',"'.repeat(8_000), 'a=b;'.repeat(4_000), `${' '.repeat(16_000)}wait=1`])
    preferredWait(header)
  t.ok(performance.now() - started < 500)
})
