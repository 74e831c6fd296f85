import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { Answer } from '../../src/proxy/answer.ts'

/** An answer to nobody, and what its giver was told. */
function answering() {
  const told: string[] = []
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  const answer = new Answer(response, {
    full: () => told.push('full'),
    drained: () => told.push('drained'),
    unfit: ({ message }) => told.push(message),
  })
  return { answer, response, told }
}

for (const [name, headers, reason] of [
  ['a header that no answer may have', ['X-Bad', 'a\x01b'], 'OK'],
  ['a name that is none', ['X Bad', 'a'], 'OK'],
  ['a reason that may not stand there', [], 'O\x01K'],
] as const) {
  t.test(`${name} is told, whenever the head is sent, and nothing is sent`, async (t) => {
    const sends = {
      'with the end': (answer: Answer) => answer.end([]),
      'by itself': (answer: Answer) => answer.flush(),
      'with more of the body': (answer: Answer) => {
        answer.write(Buffer.from('a'))
        answer.flush()
      },
    }
    for (const [how, send] of Object.entries(sends)) {
      const { answer, response, told } = answering()
      answer.begin(200, reason, [...headers])
      send(answer)
      t.match(told, [/invalid|must be a valid/i], how)
      t.notOk(response.headersSent, how)
      response.writeHead(502, 'Bad Gateway', ['X-Good', 'a'])
      t.equal(response.statusMessage, 'Bad Gateway', 'another answer can be given in its place')
    }
  })
}

t.test('what is taken back is not sent', async (t) => {
  const { answer, response, told } = answering()
  answer.begin(200, 'OK', [])
  answer.takeBack()
  answer.flush()
  await new Promise(setImmediate)
  t.notOk(response.headersSent)
  t.same(told, [])
})
