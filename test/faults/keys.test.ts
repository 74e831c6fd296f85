import t from 'tap'
import { answer, type BackendItem, faults } from '../support/backend.ts'
import { held, others } from './support/configuration.ts'
import { forKey, json, late, neverAnswers } from './support/injections.ts'
import { faultMatrix } from './support/matrix.ts'
import { hour, minute, type Row, second } from './support/row.ts'
import type { Scene } from './support/scene.ts'

const bystander = 'other-1'
const fine = { bystander: '200 fresh', first: '200 fresh' }
const only = ['keys'] as const

const html = '<p>CANARY</p>'

/** Takes secrets out of what the backend has, and gives them back. */
function without(
  id: string,
  fault: string,
  names: readonly string[],
  more: Partial<Row> & Pick<Row, 'expected'>,
): Row {
  const taken = new WeakMap<Scene, readonly (readonly [string, BackendItem])[]>()
  return {
    id,
    fault,
    bystander,
    begin(scene) {
      const { secrets } = scene.backend
      taken.set(
        scene,
        [...secrets].filter(([name]) => names.includes(name)),
      )
      for (const name of names) secrets.delete(name)
    },
    end(scene) {
      for (const [name, item] of taken.get(scene) ?? []) scene.backend.secrets.set(name, item)
    },
    ...more,
  }
}

/** What vanished stays as it is; who starts only now has nothing to doubt the list by. */
const doubted = {
  bystander: '200 stale',
  start: '404 SIDEKEEP_SECRET_NOT_FOUND',
  log: ['unavailable vanished', 'list doubted'],
  readyWithinMs: 5 * minute,
}

/** Less than the refresh interval, from the first answer that is wrong. */
async function brief(scene: Scene): Promise<void> {
  await scene.callsEnd(1, hour)
  await scene.advance(4 * minute)
}

const rows: readonly Row[] = [
  {
    id: 'one-hangs',
    fault: 'one key is never answered',
    modes: only,
    bystander,
    begin(scene) {
      scene.backend.handler = forKey(scene, held, neverAnswers(scene))
    },
    expected: { ...fine, log: ['unavailable timeout'] },
  },
  {
    id: 'all-but-one-hang',
    fault: 'all keys but one are never answered',
    modes: only,
    bystander,
    begin(scene) {
      scene.backend.handler = forKey(scene, bystander, neverAnswers(scene), true)
    },
    expected: { bystander: '200 fresh', log: ['unavailable timeout', 'breaker opens'] },
  },
  {
    id: 'all-but-one-slow',
    fault: 'all keys but one are answered after 4 s',
    modes: only,
    bystander,
    begin(scene) {
      scene.backend.handler = forKey(scene, bystander, late(scene, 4 * second), true)
    },
    expected: { ...fine, held: '200 fresh', start: '200 fresh', log: [] },
  },
  {
    id: 'one-reset',
    fault: 'one key is answered by a reset',
    modes: only,
    bystander,
    begin(scene) {
      scene.backend.handler = forKey(scene, held, faults.resetBeforeHeaders)
    },
    expected: { ...fine, log: ['unavailable reset'] },
  },
  {
    id: 'one-denied',
    fault: 'one key is denied (403)',
    modes: only,
    bystander,
    begin(scene) {
      scene.backend.handler = forKey(scene, held, answer(403, html))
    },
    // Who is denied is not asked for again the sooner for being waited for.
    expected: { ...fine, log: ['denied denied'], readyWithinMs: 5 * minute },
  },
  without('one-deleted', 'one secret is deleted', [held], {
    expected: {
      ...fine,
      held: '404 SIDEKEEP_SECRET_NOT_FOUND',
      ready: '503',
      start: '404 SIDEKEEP_SECRET_NOT_FOUND',
      log: [],
      readyWithinMs: 5 * minute,
    },
  }),
  {
    id: 'older',
    fault: 'an older version than before',
    bystander,
    begin: (scene) => scene.rotate(held, 0),
    end() {},
    expected: { ...fine, held: '200 fresh, version 0', start: '200 fresh, version 0', log: [] },
  },
  {
    id: 'empty-list',
    fault: 'the list is `[]`, for 4 min',
    modes: ['list'],
    bystander,
    begin({ backend }) {
      backend.handler = json('[]')
    },
    isBrief: true,
    lasts: brief,
    expected: doubted,
  },
  {
    id: 'error-list',
    fault: 'the list is `{"error":"…"}`, for 4 min',
    modes: ['list'],
    bystander,
    begin({ backend }) {
      backend.handler = json('{"error":"CANARY-error"}')
    },
    isBrief: true,
    lasts: brief,
    expected: doubted,
  },
  without('most-vanish', 'four of six vanish from the list, for 4 min', [held, ...others.slice(2)], {
    modes: ['list'],
    isBrief: true,
    lasts: brief,
    expected: { ...doubted, bystander: '200 fresh', first: '200 fresh' },
  }),
  {
    id: 'empty-list-believed',
    fault: 'the list is `[]`, for an hour',
    modes: ['list'],
    bystander,
    begin({ backend }) {
      backend.handler = json('[]')
    },
    lasts: (scene) => scene.advance(hour),
    expected: {
      held: '404 SIDEKEEP_SECRET_NOT_FOUND',
      bystander: '404 SIDEKEEP_SECRET_NOT_FOUND',
      first: '404 SIDEKEEP_SECRET_NOT_FOUND',
      ready: '503',
      start: '404 SIDEKEEP_SECRET_NOT_FOUND',
      log: ['unavailable vanished', 'list doubted', 'list believed'],
      readyWithinMs: 5 * minute,
      // Believed, the required one is missing, and asked for every 30 s at least.
      callsAtMost: 250,
    },
  },
]

await faultMatrix(t, 'keys', rows)
