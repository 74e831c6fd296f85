/** What the soak makes of single answers: statuses, problem documents, tags, and what must not be in them. */
import t from 'tap'
import type { Answer } from '../../bench/soak/client.ts'
import { Contract } from '../../bench/soak/contract.ts'
import { Findings } from '../../bench/soak/findings.ts'
import { Oracle } from '../../bench/soak/oracle.ts'
import { judgeRead, type Kept, type ReadOptions } from '../../bench/soak/secret-answer.ts'
import type { Subject } from '../../bench/soak/subject.ts'
import { Tags } from '../../bench/soak/tags.ts'
import { Timeline } from '../../bench/soak/timeline.ts'

const route = 'GET /v1/secrets/{name}'
const document = {
  paths: {
    '/v1/secrets/{name}': { get: { responses: { 200: {}, 304: {}, 404: {}, 503: {} } } },
    '/v1/events': { get: { responses: { 200: {} } } },
  },
}
const etag = '"v1/h/json"'
const headers = {
  'content-type': 'application/json; charset=utf-8',
  etag,
  age: '0',
  'sidekeep-version': 'v1',
  'sidekeep-state': 'fresh',
}
const problemHeaders = { 'content-type': 'application/problem+json', 'retry-after': '1' }

function answer(status: number, body: unknown, more: Answer['headers'] = {}): Answer {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return { status, headers: more, body: bytes, sentAt: 10, endedAt: 11 }
}

function problem(code: string, status: number): Answer {
  return answer(status, { code, status, detail: 'words' }, problemHeaders)
}

function scene() {
  const timeline = new Timeline('db')
  timeline.answered(timeline.offer(Buffer.from('CANARY-1'), 'v1', 0), 0)
  const findings = new Findings()
  const oracle = new Oracle(findings)
  const contract = new Contract(document, findings)
  const judges = { findings, oracle, contract, tags: new Tags(findings) }
  const subject: Subject = { name: 'db', timeline, refreshMs: 1_000, maxStaleMs: 10_000, declared: true }
  return {
    findings,
    contract,
    read(given: Answer, more: Partial<ReadOptions> = {}): Kept | undefined {
      const options = { look: oracle.begin(subject, given.sentAt), target: '/v1/secrets/db', route, ...more }
      return judgeRead(judges, options, given)
    },
  }
}

const secret = { name: 'db', value: 'CANARY-1', version: 'v1', state: 'fresh' }

t.test('a right answer is none of its business, and is kept for the next question', async (t) => {
  const { findings, read } = scene()
  const kept = read(answer(200, secret, headers))
  t.equal(kept?.etag, etag)
  t.equal(read(answer(304, '', headers), { kept }), kept)
  t.ok(findings.none, findings.lines.join('\n'))
})

t.test('a wrong value is found in each form', async (t) => {
  const { findings, read } = scene()
  read(answer(200, { ...secret, value: 'CANARY-other' }, headers))
  read(answer(200, 'CANARY-other', { ...headers, etag: '"v1/h/raw"', 'content-type': 'text/plain' }))
  t.equal(findings.count('a value that was never right'), 2)
})

t.test('the value of another name is found even where it is the same', async (t) => {
  const { findings, read } = scene()
  read(answer(200, { ...secret, name: 'another' }, headers))
  t.equal(findings.count('a JSON body that does not go with its headers'), 1)
})

t.test('a body that is no JSON is found', async (t) => {
  const { findings, read } = scene()
  read(answer(200, '{"name":"db","val', headers))
  t.equal(findings.count('a body that is no JSON'), 1)
})

t.test('a tag that stands for two bodies is found', async (t) => {
  const { findings, read } = scene()
  read(answer(200, secret, headers))
  read(answer(200, { ...secret, fetchedAt: 'another' }, headers))
  t.equal(findings.count('an ETag that stands for two bodies'), 1)
})

t.test('a 304 to somebody who holds nothing is found', async (t) => {
  const { findings, read } = scene()
  read(answer(304, '', headers))
  t.equal(findings.count('a 304 that nobody asked for'), 1)
})

t.test(
  'an error without a code, with the wrong one, or with a status that nobody documents is found',
  async (t) => {
    const { findings, read } = scene()
    read(problem('SIDEKEEP_SECRET_EXPIRED', 503))
    t.ok(findings.none, findings.lines.join('\n'))
    read(problem('SIDEKEEP_UNHEARD_OF', 503))
    read(problem('SIDEKEEP_SECRET_NOT_FOUND', 503))
    t.equal(findings.count('an error without one of our codes'), 2)
    read(answer(503, 'Service Unavailable', { 'content-type': 'text/plain' }))
    t.equal(findings.count('an error that is no problem document'), 1)
    read(problem('SIDEKEEP_INTERNAL', 500))
    t.equal(findings.count('a status that the API does not document'), 1)
    t.equal(findings.count('a mistake inside the sidecar'), 1)
  },
)

t.test('a value in an error, in metrics, in an event is found', async (t) => {
  const { findings, contract, read } = scene()
  read(answer(404, { code: 'SIDEKEEP_SECRET_NOT_FOUND', detail: 'CANARY-1' }, problemHeaders))
  t.equal(findings.count('a value in an error'), 1)
  contract.keepsSecrets('metrics', `up{secret="${Buffer.from('CANARY-1').toString('base64')}"} 1`)
  t.equal(findings.count('a value where none belongs'), 1)
})

t.test('what the routes can do is read from what the process says of them', async (t) => {
  const { contract } = scene()
  t.strictSame(contract.features, { wait: false, events: true, rejected: false, explain: false })
})
