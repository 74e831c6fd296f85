import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { callPause, LastCalls } from '../../src/secrets/last-calls.ts'
import type { RunOutcome } from '../../src/secrets/outcome.ts'
import { Source } from '../../src/secrets/source.ts'
import { fetched, KeyBackend } from '../support/heart-backend.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const outcomeOf = (name: string): RunOutcome => ({ secrets: new Map([[name, 'unchanged']]) })

function create() {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => fetched('CANARY-1'))
  return { clock, calls: new LastCalls(clock), source: new Source('p', backend, clock) }
}

t.test('a call is the answer for a second from its beginning, and no longer', async (t) => {
  const { clock, calls, source } = create()
  const outcome = outcomeOf('a')
  calls.ended(source, 'a', clock.now(), outcome)
  await clock.advance(callPause - 1)
  t.equal(calls.find({ source, key: 'a' })?.outcome, outcome)
  t.equal(calls.find({ source, key: 'b' }), undefined)
  await clock.advance(1)
  t.equal(calls.find({ source, key: 'a' }), undefined)
})

t.test('calls for names without end leave nothing behind', async (t) => {
  const { clock, calls, source } = create()
  const heapUsed = (): number => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = heapUsed()
  for (let at = 0; at < 50_000; at += 1) {
    calls.ended(source, `app/${at}`, clock.now(), outcomeOf(`app/${at}`))
    if (at % 100 === 0) await clock.advance(callPause / 2)
  }
  const grown = heapUsed() - before
  // All of them would be some 20 MiB.
  t.ok(grown < 4 * 1024 * 1024, `${(grown / 1024 / 1024).toFixed(1)} MiB more`)
  t.ok(calls.find({ source, key: 'app/49999' }))
})
