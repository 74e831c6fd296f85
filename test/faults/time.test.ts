import t from 'tap'
import { callTimeout } from './support/configuration.ts'
import { late } from './support/injections.ts'
import { faultMatrix } from './support/matrix.ts'
import { hour, minute, type Row } from './support/row.ts'

const rows: readonly Row[] = [
  {
    id: 'late',
    fault: 'the right answer, 1 ms later than `timeout`',
    begin(scene) {
      scene.backend.handler = late(scene, callTimeout + 1)
    },
    expected: { log: ['unavailable timeout', 'breaker opens'] },
  },
  {
    id: 'slow',
    fault: 'the right answer, 1 ms before `timeout`',
    begin(scene) {
      scene.backend.handler = late(scene, callTimeout - 1)
    },
    expected: { held: '200 fresh', first: '200 fresh', start: '200 fresh', log: [] },
  },
  {
    id: 'almost-a-day',
    fault: 'down for 23 h 55 min, with `maxStale: 24h`',
    begin: ({ backend }) => backend.stop(),
    end: ({ backend }) => backend.start(),
    lasts: (scene) => scene.advance(24 * hour - 5 * minute),
    judgedAfter: (scene) => scene.advance(hour),
    once: true,
    // What becomes of one that starts meanwhile does not depend on how long it lasts: see connect.test.ts.
    needsPast: true,
    expected: { log: ['unavailable refused', 'breaker opens'], callsAtMost: { list: 3_000, keys: 9_000 } },
  },
  {
    id: 'a-day',
    fault: 'down for 24 h 5 min, with `maxStale: 24h`',
    begin: ({ backend }) => backend.stop(),
    end: ({ backend }) => backend.start(),
    lasts: (scene) => scene.advance(24 * hour + 5 * minute),
    once: true,
    // What becomes of one that starts meanwhile does not depend on how long it lasts: see connect.test.ts.
    needsPast: true,
    expected: {
      held: '503 SIDEKEEP_SECRET_EXPIRED',
      ready: '503',
      log: ['unavailable refused', 'breaker opens'],
      callsAtMost: { list: 3_000, keys: 9_000 },
    },
  },
]

await faultMatrix(t, 'time', rows)
