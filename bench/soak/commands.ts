/** Everything that callers ask beside values: refreshes, lists, health, metrics, and what is refused. */
import { doorHeaders } from './client.ts'
import type { Features } from './contract.ts'
import type { Kind, Scene } from './scene.ts'
import { pathOf } from './scene.ts'

interface Asked {
  readonly kind: string
  readonly route: string | undefined
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** The only status that is right; any documented one, where it is absent. */
  readonly status?: number
}

/** Asks what never brings a value; @returns its JSON, where it is some */
async function ask(scene: Scene, asked: Asked): Promise<Record<string, unknown> | undefined> {
  const { api, judges, tally } = scene
  const { kind, route, status, ...question } = asked
  const answer = await api.ask(question)
  tally.count(kind, answer.status)
  judges.contract.judge(route, answer)
  judges.contract.keepsSecrets(kind, answer.body)
  if (status !== undefined && answer.status !== status) {
    judges.findings.add(
      'another status than the one that is right',
      `${kind}: ${answer.status}, not ${status}`,
    )
  }
  if (answer.headers['content-type']?.includes('json') !== true) return undefined
  return judges.contract.json(kind, answer.body)
}

const nameAt = (prefix: string, { dice, subjects }: Scene): string => {
  const { name } = dice.pick(subjects)
  return pathOf(name).replace('/v1/secrets/', prefix)
}

const always: readonly Kind[] = [
  {
    name: 'refresh one',
    weight: 2,
    async run(scene) {
      const path = nameAt('/v1/refresh/', scene)
      await ask(scene, { kind: 'refresh one', route: 'POST /v1/refresh/{name}', method: 'POST', path })
    },
  },
  {
    name: 'refresh all',
    weight: 0.2,
    async run(scene) {
      await ask(scene, {
        kind: 'refresh all',
        route: 'POST /v1/refresh',
        method: 'POST',
        path: '/v1/refresh',
      })
    },
  },
  {
    name: 'list',
    weight: 2,
    async run(scene) {
      const path = scene.dice.pick(['/v1/secrets', '/v1/secrets?prefix=db'])
      const json = await ask(scene, { kind: 'list', route: 'GET /v1/secrets', path, status: 200 })
      if (!Array.isArray(json?.secrets) || json.secrets.length === 0) {
        scene.judges.findings.add('a list without secrets', path)
      }
    },
  },
  {
    name: 'metrics',
    weight: 0.5,
    async run(scene) {
      await ask(scene, { kind: 'metrics', route: 'GET /metrics', path: '/metrics', status: 200 })
    },
  },
  {
    name: 'health',
    weight: 3,
    async run(scene) {
      const path = scene.dice.pick(['/livez', '/startupz', '/readyz', '/healthz', '/readyz?verbose'])
      const route = `GET ${path.split('?')[0]}`
      const { judges, ops, api, tally } = scene
      const answer = await scene.dice.pick([ops, api]).ask({ path, headers: {} })
      tally.count('health', answer.status)
      judges.contract.keepsSecrets('health', answer.body)
      const documented = path.startsWith('/readyz') ? [200, 503] : [200]
      if (!documented.includes(answer.status)) {
        judges.findings.add('another status than the one that is right', `${route}: ${answer.status}`)
      }
      if (scene.subjects.some(({ name }) => answer.body.includes(name))) {
        judges.findings.add('a health answer that names a secret', route)
      }
    },
  },
  {
    name: 'refused',
    weight: 2,
    async run(scene) {
      await ask(scene, { kind: 'refused', ...scene.dice.pick(refused) })
    },
  },
]

const value = '/v1/secrets/core'
const route = 'GET /v1/secrets/{name}'

/** What the door and the routes refuse, whatever the backends do. */
const refused: readonly Omit<Asked, 'kind'>[] = [
  { route, path: value, headers: {}, status: 401 },
  { route, path: value, headers: { ...doorHeaders, host: 'evil.example' }, status: 421 },
  { route, path: value, headers: { ...doorHeaders, 'x-forwarded-for': '192.0.2.1' }, status: 400 },
  { route, path: `${value}?format=xml`, status: 400 },
  { route, path: `${value}?unheard-of=1`, status: 400 },
  { route, path: '/v1/secrets/%zz', status: 400 },
  { route: undefined, path: '/v2/nothing', status: 404 },
  { route: undefined, method: 'PUT', path: value, status: 405 },
]

/** The kinds that the routes of the running process allow. */
export function commands(features: Features): readonly Kind[] {
  return [...always, ...(features.rejected ? [rejected] : []), ...(features.explain ? [explain] : [])]
}

const explain: Kind = {
  name: 'explain',
  weight: 2,
  async run(scene) {
    const path = nameAt('/v1/explain/', scene)
    await ask(scene, { kind: 'explain', route: 'GET /v1/explain/{name}', path })
  },
}

const rejected: Kind = {
  name: 'rejected',
  weight: 1,
  async run(scene) {
    const subject = scene.dice.pick(scene.subjects)
    const held = scene.kept.get(pathOf(subject.name))?.version
    const version = held !== undefined && scene.dice.chance(0.7) ? held : 'v-never'
    const path = pathOf(subject.name).replace('/v1/secrets/', '/v1/rejected/')
    const options = { kind: 'rejected', route: 'POST /v1/rejected/{name}', method: 'POST', path } as const
    const json = await ask(scene, { ...options, body: { version } })
    if (json === undefined || !('changed' in json)) return
    const { version: now, changed } = json
    if (typeof now !== 'string' || changed !== (now !== version)) {
      scene.judges.findings.add('an answer to a rejection that contradicts itself', subject.name)
    }
  },
}
