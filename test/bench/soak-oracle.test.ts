/** The oracle of the soak: it finds what is wrong, and gives a correct sidecar the benefit of the doubt. */
import t from 'tap'
import { Findings } from '../../bench/soak/findings.ts'
import { Oracle, type Served, tolerance } from '../../bench/soak/oracle.ts'
import type { Subject } from '../../bench/soak/subject.ts'
import { type Offer, Timeline } from '../../bench/soak/timeline.ts'

const refreshMs = 1_000
const maxStaleMs = 10_000

function scene(more: Partial<Subject> = {}) {
  const timeline = new Timeline('db')
  const findings = new Findings()
  const oracle = new Oracle(findings)
  const subject: Subject = { name: 'db', timeline, refreshMs, maxStaleMs, declared: true, ...more }
  return {
    findings,
    oracle,
    subject,
    timeline,
    /** The backend has a value from a time on, and was asked for it then. */
    offered(value: string | undefined, at: number, version?: string): Offer {
      const offer = timeline.offer(value === undefined ? undefined : Buffer.from(value), version, at)
      timeline.answered(offer, at)
      return offer
    },
    /** A caller asked at a time and got a value. */
    told(value: string, at: number, said: Partial<Served> = {}): void {
      const answer = {
        value: Buffer.from(value),
        version: undefined,
        state: 'stale',
        age: 0,
        endedAt: at + 1,
        ...said,
      }
      oracle.served(oracle.begin(subject, at), answer)
    },
  }
}

t.test('what the backend has is right, also while it is a little behind', async (t) => {
  const { findings, offered, told } = scene()
  offered('CANARY-1', 0)
  told('CANARY-1', 10, { state: 'fresh' })
  offered('CANARY-2', 20)
  told('CANARY-1', 30)
  told('CANARY-2', 40)
  t.ok(findings.none, findings.lines.join('\n'))
})

t.test('a value that was never offered is wrong', async (t) => {
  const { findings, offered, told } = scene()
  offered('CANARY-1', 0)
  told('CANARY-of another key', 10)
  t.equal(findings.count('a value that was never right'), 1)
})

t.test('a value that no request was answered with yet is wrong', async (t) => {
  const { findings, offered, told, timeline } = scene()
  offered('CANARY-1', 0)
  timeline.offer(Buffer.from('CANARY-2'), undefined, 5)
  told('CANARY-2', 10)
  t.equal(findings.count('a value that was never right'), 1)
})

t.test('an older value after a newer one is wrong, whoever got the newer one', async (t) => {
  const { findings, offered, told } = scene()
  offered('CANARY-1', 0)
  offered('CANARY-2', 10)
  told('CANARY-2', 20)
  told('CANARY-1', 30)
  t.equal(findings.count('older after newer'), 1)
})

t.test('a caller who asked before the newer one was seen may still get the older one', async (t) => {
  const { findings, oracle, offered, told, subject } = scene()
  offered('CANARY-1', 0)
  const early = oracle.begin(subject, 5)
  offered('CANARY-2', 10)
  told('CANARY-2', 20)
  const value = Buffer.from('CANARY-1')
  oracle.served(early, { value, version: undefined, state: 'stale', age: 0, endedAt: 30 })
  t.ok(findings.none, findings.lines.join('\n'))
})

t.test('an older value is right again after the backend went back to it', async (t) => {
  const { findings, offered, told } = scene()
  offered('CANARY-1', 0)
  offered('CANARY-2', 10)
  told('CANARY-2', 20)
  offered('CANARY-1', 30)
  told('CANARY-1', 40)
  told('CANARY-2', 50)
  t.equal(findings.count('older after newer'), 1, 'and the newer one is then the older one')
})

t.test('a value beyond maxStale is wrong by the driver’s own clock', async (t) => {
  const { findings, offered, told } = scene()
  offered('CANARY-1', 0)
  told('CANARY-1', maxStaleMs + tolerance, { age: 10 })
  t.ok(findings.none, findings.lines.join('\n'))
  told('CANARY-1', maxStaleMs + tolerance + 1, { age: 10 })
  t.equal(findings.count('a value older than maxStale'), 1)
})

t.test('an overdue value that is called fresh is wrong', async (t) => {
  const { findings, offered, told } = scene()
  offered('CANARY-1', 0)
  told('CANARY-1', refreshMs + tolerance + 1, { state: 'fresh', age: 3 })
  t.equal(findings.count('overdue and called fresh'), 1)
})

t.test('an Age that makes a value younger than it is, or that is missing, is wrong', async (t) => {
  const { findings, offered, told } = scene()
  offered('CANARY-1', 0)
  told('CANARY-1', 8_000, { age: 7 })
  t.ok(findings.none, findings.lines.join('\n'))
  told('CANARY-1', 8_000, { age: 4 })
  t.equal(findings.count('an Age younger than the value'), 1)
  told('CANARY-1', 8_000, { age: undefined })
  t.equal(findings.count('an answer without Age'), 1)
})

t.test('a version that belongs to another value is wrong', async (t) => {
  const { findings, offered, told } = scene()
  offered('CANARY-1', 0, 'v1')
  offered('CANARY-2', 10, 'v2')
  told('CANARY-2', 20, { version: 'v1' })
  t.equal(findings.count('a version that is not the value’s'), 1)
})

t.test('404 is right only once the backend has said so', async (t) => {
  const { findings, oracle, offered, subject } = scene()
  offered('CANARY-1', 0)
  oracle.notFound(oracle.begin(subject, 10), 11)
  t.equal(findings.count('404 for a secret that always existed'), 1)
  offered(undefined, 20)
  oracle.notFound(oracle.begin(subject, 30), 31)
  t.equal(findings.count('404 for a secret that always existed'), 1)
})

t.test('what was gone must not come back without a newer answer', async (t) => {
  const { findings, oracle, offered, told, subject } = scene()
  offered('CANARY-1', 0)
  offered(undefined, 20)
  oracle.notFound(oracle.begin(subject, 30), 31)
  told('CANARY-1', 40)
  t.equal(findings.count('older after newer'), 1)
})

t.test('to call expired what the backend has just confirmed again and again is wrong', async (t) => {
  const { findings, oracle, offered, subject, timeline } = scene()
  const now = 60_000
  offered('CANARY-1', 0)
  for (const at of [1_000, 2_000, 3_000]) timeline.confirmed(at)
  oracle.unavailable(oracle.begin(subject, now), 'SIDEKEEP_SECRET_EXPIRED', now + 1)
  t.ok(findings.none, 'long ago it may well have expired since')
  for (const at of [-3_000, -2_500, -2_100]) timeline.confirmed(now + at)
  oracle.unavailable(oracle.begin(subject, now), 'SIDEKEEP_SECRET_EXPIRED', now + 1)
  t.equal(findings.count('SIDEKEEP_SECRET_EXPIRED although the backend answered'), 1)
})

t.test('a field of a rule is held against the whole that it was picked from', async (t) => {
  const { findings, offered, told } = scene({ field: 'password' })
  offered(JSON.stringify({ user: 'app', password: 'CANARY-1' }), 0)
  told('CANARY-1', 10)
  t.ok(findings.none, findings.lines.join('\n'))
  told('CANARY-2', 20)
  t.equal(findings.count('a value that was never right'), 1)
})

t.test('rotations are counted as callers see them', async (t) => {
  const { oracle, offered, told } = scene()
  offered('CANARY-1', 0)
  told('CANARY-1', 1)
  told('CANARY-1', 2)
  t.equal(oracle.rotationsSeen, 0)
  offered('CANARY-2', 3)
  told('CANARY-2', 4)
  t.equal(oracle.rotationsSeen, 1)
})
