/** What the listeners answer to those whom they do not let in, and to what is no HTTP, on every route there is. */
import t, { type Test } from 'tap'
import { begin } from '../faults/support/phases.ts'
import type { Row } from '../faults/support/row.ts'
import { createScene, type Scene } from '../faults/support/scene.ts'
import { answer } from '../support/backend.ts'
import { speak } from '../support/raw-http.ts'
import { headersOf } from './support/callers.ts'
import { Judge } from './support/judge.ts'
import { type Question, questions } from './support/questions.ts'

const row: Row = {
  id: 'denied',
  fault: '403 to everything',
  begin({ backend }) {
    backend.handler = answer(403, 'CANARY-in-the-error-page')
  },
  expected: {},
}

/** Health is for everybody, wherever they come from. */
const isOpen = (id: string): boolean => /^(?:live|healthy|started|ready)/.test(id)

const ways: Readonly<
  Record<string, (question: Question) => { question: Question; statuses: readonly number[] }>
> = {
  'without a token': (question) => ({ question: { ...question, as: 'nobody' }, statuses: [401] }),
  'with a wrong token': (question) => ({ question: { ...question, as: 'stranger' }, statuses: [401] }),
  'as who may do little': (question) => ({ question: { ...question, as: 'few' }, statuses: [403, 200] }),
  relayed: (question) => ({ question: withHeaders(question, { via: '1.1 CANARY-proxy' }), statuses: [400] }),
  'from a page': (question) => ({
    question: withHeaders(question, { origin: 'https://CANARY-page.test' }),
    statuses: [403],
  }),
  'by another method': ({ path }) => ({ question: { path, method: 'DELETE' }, statuses: [405] }),
  'with a query that is none': ({ path, ...rest }) => ({
    question: { ...rest, path: `${path}${path.includes('?') ? '&' : '?'}token=CANARY-in-the-query` },
    statuses: [400],
  }),
}

function withHeaders(question: Question, headers: Question['headers']): Question {
  return { ...question, headers: { ...question.headers, ...headers } }
}

async function startDenied(t: Test): Promise<Scene> {
  const scene = await createScene(t, { mode: 'keys', random: () => 0.5, hasAllOutputs: true })
  await scene.start(t)
  await begin(scene, row, t)
  return scene
}

t.test('no route says what it must not to whom it refuses', async (t) => {
  const scene = await startDenied(t)
  const judge = new Judge()
  const [address = ''] = scene.addresses.listeners ?? []
  for (const [id, [first]] of Object.entries(questions)) {
    for (const [way, ask] of Object.entries(ways)) {
      if (first === undefined) throw new Error(id)
      const { question, statuses } = ask(first)
      const { method = 'GET', path, as = 'all', headers, body } = question
      const came = await scene.ask(path, { method, headers: { ...headersOf(as), ...headers }, body }, address)
      const skipsDoor = isOpen(id) && !/method|query/.test(way)
      if (!skipsDoor) t.ok(statuses.includes(came.status), `${id} ${way}: ${came.status}`)
      judge.answer(`${id} ${way}`, { path }, came)
    }
  }
  await scene.stop()
  for (const line of scene.log) judge.output('the log or the audit', line)
  t.strictSame(judge.leaks, [])
})

const end = 'Connection: close\r\n\r\n'
const malformed: readonly string[] = [
  'CANARY-220 mail.example ESMTP\r\n',
  `GET /v1/secrets/CANARY HTTP/9.9\r\n${end}`,
  `GET /v1/secrets HTTP/1.1\r\nHost: localhost\r\nAuthorization : Bearer CANARY-token\r\n${end}`,
  `GET /v1/secrets HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer CANARY\u0001token\r\n${end}`,
  `GET /v1/secrets HTTP/1.1\r\nHost: localhost\r\nContent-Length: CANARY-length\r\n${end}`,
  `GET /v1/secrets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n${end}CANARY-chunk`,
  `GET /v1/secrets HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Token: CANARY-1\r\nX-Sidekeep-Token: CANARY-2\r\n${end}`,
  `CONNECT CANARY-host.test:443 HTTP/1.1\r\nHost: localhost\r\n${end}`,
  `CANARY-METHOD / HTTP/1.1\r\nHost: localhost\r\n${end}`,
  `GET /v1/secrets HTTP/1.1\r\nHost: localhost\r\nUpgrade: CANARY-protocol\r\nConnection: upgrade\r\n\r\n`,
]

t.test('nor does what answers to what is no HTTP, on any listener', async (t) => {
  const scene = await startDenied(t)
  const judge = new Judge()
  const { api, listeners = [], ops = '', proxy = '' } = scene.addresses
  for (const address of [api, ...listeners, ops, proxy]) {
    for (const [index, bytes] of malformed.entries()) {
      judge.output(`${index} at ${address}`, await speak(Number(new URL(address).port), bytes))
    }
  }
  await scene.stop()
  for (const line of scene.log) judge.output('the log or the audit', line)
  t.strictSame(judge.leaks, [])
})
