/** Reads of values in every form. */
import { type Answer, doorHeaders } from './client.ts'
import type { Kind, Scene } from './scene.ts'
import { pathOf } from './scene.ts'
import { judgeRead, type Kept } from './secret-answer.ts'
import type { Subject } from './subject.ts'
import { field } from './values.ts'

const route = 'GET /v1/secrets/{name}'

interface Read {
  readonly kind: string
  readonly subject: Subject
  readonly query?: string
  readonly accept?: string
  /** Asks whether what the caller got last is still current. */
  readonly conditional?: boolean
  readonly picked?: boolean
  /** Seconds for which the caller would wait for a change. */
  readonly wait?: number
}

interface Told {
  readonly answer: Answer
  /** What the caller held when it asked, and what it holds now. */
  readonly before: Kept | undefined
  readonly after: Kept | undefined
}

/** Asks for a value, judges the answer and keeps what it brought for the next conditional request. */
async function read(scene: Scene, options: Read): Promise<Told> {
  const { api, judges, kept, tally } = scene
  const { kind, subject, query = '', accept, conditional = false, picked = false, wait } = options
  const path = `${pathOf(subject.name)}${query}`
  const target = accept === undefined ? path : `${path} as ${accept}`
  const held = conditional ? kept.get(target) : undefined
  const look = judges.oracle.begin(subject, performance.now())
  const answer = await api.ask({
    path,
    headers: {
      ...doorHeaders,
      ...(accept === undefined ? {} : { accept }),
      ...(held === undefined ? {} : { 'if-none-match': held.etag }),
      ...(wait === undefined ? {} : { prefer: `wait=${wait}` }),
    },
  })
  tally.count(kind, answer.status)
  const got = judgeRead(judges, { look, target, route, picked, kept: held }, answer)
  if (got !== undefined) kept.set(target, got)
  return { answer, before: held, after: got }
}

const any = ({ dice, subjects }: Scene): Subject => dice.pick(subjects)

/** Subjects whose whole value is JSON. */
const withFields = (scene: Scene): Subject[] =>
  scene.subjects.filter(
    ({ timeline, field: rule }) =>
      rule === undefined && timeline.current.value?.toString('utf8').startsWith('{'),
  )

async function plain(scene: Scene, options: Omit<Read, 'subject'>): Promise<void> {
  const subject = any(scene)
  const { answer } = await read(scene, { ...options, subject })
  const { sentAt, endedAt, status } = answer
  // What only a pattern names has to be fetched when it is first asked for; all others come from memory.
  if (subject.declared && (status === 200 || status === 304)) scene.tally.latencies.push(endedAt - sentAt)
}

export const reads: readonly Kind[] = [
  { name: 'read JSON', weight: 30, run: (scene) => plain(scene, { kind: 'read JSON' }) },
  { name: 'read raw', weight: 12, run: (scene) => plain(scene, { kind: 'read raw', query: '?format=raw' }) },
  {
    name: 'read by Accept',
    weight: 4,
    run: (scene) => plain(scene, { kind: 'read by Accept', accept: 'text/plain' }),
  },
  {
    name: 'read If-None-Match',
    weight: 20,
    run: (scene) => plain(scene, { kind: 'read If-None-Match', conditional: true }),
  },
  {
    name: 'read raw If-None-Match',
    weight: 6,
    run: (scene) => plain(scene, { kind: 'read raw If-None-Match', query: '?format=raw', conditional: true }),
  },
  {
    name: 'read ?field',
    weight: 5,
    async run(scene) {
      const subjects = withFields(scene)
      if (subjects.length === 0) return
      const query = scene.dice.pick([`?field=${field}`, `?format=raw&field=/${field}`])
      await read(scene, { kind: 'read ?field', subject: scene.dice.pick(subjects), query, picked: true })
    },
  },
  {
    name: 'read ?refresh=true',
    weight: 1.5,
    async run(scene) {
      await read(scene, { kind: 'read ?refresh=true', subject: any(scene), query: '?refresh=true' })
    },
  },
  {
    name: 'HEAD',
    weight: 2,
    async run({ api, judges, tally, dice, subjects }) {
      const { name } = dice.pick(subjects)
      const answer = await api.ask({ method: 'HEAD', path: pathOf(name) })
      tally.count('HEAD', answer.status)
      judges.contract.judge('HEAD /v1/secrets/{name}', answer)
      if (answer.body.length > 0) judges.findings.add('a body in the answer to HEAD', name)
    },
  },
  {
    name: 'read a name at random',
    weight: 8,
    run: (scene) => unknown(scene, 'read a name at random', `dyn/none-${scene.dice.hex(4)}`),
  },
  {
    name: 'read an unknown name',
    weight: 3,
    run: (scene) => unknown(scene, 'read an unknown name', `nobody-${scene.dice.hex(4)}`),
  },
]

/** Names that do not exist: under a pattern, so that the backend has to be asked, or under no rule at all. */
async function unknown({ api, judges, tally }: Scene, kind: string, name: string): Promise<void> {
  const answer = await api.ask({ path: pathOf(name) })
  tally.count(kind, answer.status)
  judges.contract.judge(route, answer)
  const isSurelyUnknown = !name.startsWith('dyn/')
  if (answer.status === 200 || (isSurelyUnknown && answer.status !== 404)) {
    judges.findings.add('an answer for a name that does not exist', `${kind}: ${answer.status}`)
  }
}

/** How long after its wait a caller may be answered, and how much before, in milliseconds. */
const late = 5_000
const early = 250

/** A caller that waits for a change: answered when there is one, or after its time with 304. */
export async function waitForChange(scene: Scene): Promise<void> {
  const { dice, judges, phase } = scene
  const subject = dice.pick(scene.subjects.filter(({ declared }) => declared))
  const wait = 1 + dice.below(5)
  const options = { kind: 'wait for a change', subject, conditional: true, wait } as const
  const { answer, before, after } = await read(scene, options)
  // A stop ends all waiting.
  if (phase.stopping) return
  const tookMs = answer.endedAt - answer.sentAt
  if (tookMs > wait * 1_000 + late) {
    judges.findings.add('a wait that ended late', `${subject.name}: ${Math.round(tookMs)} ms of ${wait} s`)
  }
  if (answer.status === 304 && tookMs < wait * 1_000 - early) {
    judges.findings.add('a wait that ended without a change', `${subject.name}: ${Math.round(tookMs)} ms`)
  }
  if (answer.status !== 200 || before === undefined || after === undefined) return
  if (before.version === after.version && before.value.equals(after.value)) {
    judges.findings.add('a wait that ended with the version that was held', subject.name)
  }
}
