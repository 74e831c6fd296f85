/** Everything that the sidecar says under a fault, on every listener, and that none of it carries what it must not. */
import type { Test } from 'tap'
import { headersOf } from '../../leaks/support/callers.ts'
import { Judge } from '../../leaks/support/judge.ts'
import { limited, type Question, questions, type Refused, refusals } from '../../leaks/support/questions.ts'
import { openStream, type Stream } from '../../leaks/support/stream.ts'
import { held, type Mode } from './configuration.ts'
import { begin, inScene, lasts } from './phases.ts'
import { type Row, second } from './row.ts'
import type { Scene } from './scene.ts'

/** Of an application behind the proxy, which are none of the sidecar's, and not for its log either. */
const foreign = {
  authorization: 'Bearer CANARY-of-the-application',
  cookie: 'CANARY=1',
  'x-api-key': 'CANARY-key',
}
const proxied = '/CANARY-path?token=CANARY-in-the-query'

/** What is asked where no callers are told apart. */
const ofMain: readonly Refused[] = [
  { path: '/v1/secrets', status: 401 },
  { path: '/v1/secrets', headers: { 'x-sidekeep-request': 'true' }, status: 200 },
  { path: '/metrics', headers: { 'x-sidekeep-request': 'true' }, status: 200 },
  { path: '/openapi.json', headers: { 'x-sidekeep-request': 'true' }, status: 200 },
]

export async function judgeOutputs(t: Test, row: Row, mode: Mode): Promise<void> {
  await inScene(t, row, mode, { random: () => 0.5, hasAllOutputs: true }, async (scene, t) => {
    await scene.start(t)
    const outputs = new Outputs(scene, t)
    const { log } = scene
    await outputs.rotate()
    await begin(scene, row, t)
    if (row.judgedAfter === undefined) await lasts(scene, row)
    else await row.judgedAfter(scene)
    await outputs.askOperations()
    await outputs.askRefusals()
    await outputs.askOps()
    await outputs.askProxy()
    await outputs.end()
    outputs.judge.output('the title of the process', process.title)
    t.ok(outputs.judge.values > 0 || row.expected.held !== undefined, 'there was a value to leak')
    // Lines of the audit come several at a time.
    const lines = log.join('').split('\n').slice(0, -1)
    const recorded = lines.filter((line) => line.startsWith('{"type":"audit"'))
    t.strictSame(actionsOf(recorded), actions, 'the audit has every kind of access')
    for (const line of lines) {
      outputs.judge.output(recorded.includes(line) ? 'a line of the audit' : 'a line of the log', line)
    }
    t.strictSame(outputs.judge.leaks, [], 'no value, no body and no credential in any output')
  })
}

const actions = ['explain', 'file', 'list', 'quit', 'read', 'refresh', 'rejected', 'watch']

function actionsOf(lines: readonly string[]): string[] {
  return [...new Set(lines.map((line) => String((JSON.parse(line) as { action: unknown }).action)))].sort()
}

class Outputs {
  readonly judge = new Judge()
  readonly #scene: Scene
  readonly #t: Test
  readonly #streams: Stream[] = []
  #backlog = ''

  constructor(scene: Scene, t: Test) {
    this.#scene = scene
    this.#t = t
  }

  /** What there is to tell before the fault begins: that there is another value than before. */
  async rotate(): Promise<void> {
    // It does not stay: its heartbeats would be most of what there is to do in the course of a day.
    const stream = await this.#open({ path: '/v1/events' })
    this.#backlog = stream.lastEventId
    stream.leave()
    this.#scene.rotate(held, 2)
    // Sooner than this, whoever asks for a refresh gets what the last call brought.
    await this.#scene.advance(second)
    await this.#ask({ method: 'POST', path: `/v1/refresh/${held}` }, this.#guarded)
  }

  async askOperations(): Promise<void> {
    for (const asked of Object.values(questions)) {
      for (const question of asked) {
        if (question.isStream) await this.#open(question)
        else await this.#ask(question, this.#guarded)
      }
      const [first] = asked
      if (first !== undefined && first.method === undefined) {
        await this.#ask({ ...first, method: 'HEAD' }, this.#guarded)
      }
    }
    await this.#open({ path: '/v1/events', headers: { 'last-event-id': this.#backlog } })
  }

  async askRefusals(): Promise<void> {
    await this.#expect(refusals, this.#guarded)
    await this.#expect(limited, this.#guarded)
    await this.#expect(
      ofMain.map((question) => ({ ...question, as: 'nobody' }) as const),
      this.#scene.addresses.api,
    )
  }

  /** Health has the same on all listeners; nothing else but metrics is there. */
  async askOps(): Promise<void> {
    const { ops = '' } = this.#scene.addresses
    const asked: Question[] = [...questions.ready, ...questions.readyCheck, ...questions.getMetrics]
    for (const question of asked) await this.#ask(question, ops)
    await this.#expect([{ path: '/v1/secrets/held', status: 404 }], ops)
  }

  /** Its upstream cannot be reached; after that the limit is used up. */
  async askProxy(): Promise<void> {
    const { proxy = '' } = this.#scene.addresses
    const question: Question = { path: proxied, as: 'nobody', headers: foreign }
    await this.#expect(
      [502, 502, 429].map((status) => ({ ...question, status })),
      proxy,
    )
  }

  /** Streams end with the sidecar, and tell until then. */
  async end(): Promise<void> {
    await this.#scene.stop()
    await Promise.all(this.#streams.map(({ ended }) => ended))
    for (const [index, { text }] of this.#streams.entries()) {
      this.judge.output(`stream ${index} of events`, text)
    }
    this.#t.match(this.#streams.at(-1)?.text, 'event: rotated', 'what was missed is told')
  }

  /** The listener that tells callers apart. */
  get #guarded(): string {
    return this.#scene.addresses.listeners?.[0] ?? ''
  }

  #listenerAt(address: string): string {
    const { api, ops, proxy } = this.#scene.addresses
    const names = new Map([
      [api, 'api'],
      [ops, 'ops'],
      [proxy, 'proxy'],
    ])
    return names.get(address) ?? 'api.listeners'
  }

  async #expect(asked: readonly Refused[], address: string): Promise<void> {
    for (const question of asked) {
      const status = await this.#ask(question, address)
      if (status !== question.status) this.#t.equal(status, question.status, whereOf(question))
    }
  }

  async #ask(question: Question, address: string): Promise<number> {
    const { method = 'GET', path, as = 'all', headers, body } = question
    const options = { method, headers: { ...headersOf(as), ...headers }, body }
    const answer = await this.#scene.ask(path, options, address)
    this.judge.answer(`${this.#listenerAt(address)}: ${whereOf(question)}`, question, answer)
    return answer.status
  }

  async #open({ path, headers }: Pick<Question, 'path' | 'headers'>): Promise<Stream> {
    const all = { ...headersOf('all'), ...headers }
    const stream = await openStream(this.#t, this.#guarded, path, all)
    this.#streams.push(stream)
    return stream
  }
}

/** For messages: long requests are cut. */
function whereOf({ method = 'GET', path, as = 'all' }: Question): string {
  return `${method} ${path.slice(0, 60)} as ${as}`
}
