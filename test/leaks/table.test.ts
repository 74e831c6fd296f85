/** What there is to look at and what is looked at are the same: a new output that nobody judges fails here. */
import t from 'tap'
import { apiRoutes } from '../../src/api/server.ts'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { createWorld } from '../api/support/world.ts'
import { configurationOf } from '../faults/support/configuration.ts'
import { questions } from './support/questions.ts'

const scene = { mode: 'list', random: () => 0.5, hasAllOutputs: true } as const

t.test('every route of the api is asked, by its own method and its own path', async (t) => {
  const { deps } = await createWorld(t)
  const routes = apiRoutes(deps)
  t.strictSame(
    Object.keys(questions).sort(),
    routes.map(({ id }) => id).sort(),
    'test/leaks/support/questions.ts',
  )
  for (const { id, method, path } of routes) {
    const [first] = questions[id]
    t.equal(first?.method ?? 'GET', method, id)
    const pattern = `^${path.replace(/\{\w+\}/, '.+')}(?:\\?.*)?$`
    t.match(first?.path, new RegExp(pattern), `${id} is asked at ${path}`)
  }
})

/** Each part of the configuration, and where what it makes the sidecar say is judged. */
const sections: Readonly<Record<string, 'judged' | 'says nothing itself'>> = {
  api: 'judged',
  ops: 'judged',
  proxy: 'judged',
  audit: 'judged',
  log: 'judged',
  files: 'judged',
  providers: 'says nothing itself',
  secrets: 'says nothing itself',
  cache: 'says nothing itself',
  reload: 'says nothing itself',
  shutdown: 'says nothing itself',
}

t.test('every part of the configuration that is an output is there where outputs are judged', async (t) => {
  const { properties = {} } = configJsonSchema()
  t.strictSame(Object.keys(sections).sort(), Object.keys(properties).sort(), 'say of the new one what it is')
  const configured = configurationOf(scene, 1)
  for (const [section, kind] of Object.entries(sections)) {
    const listens = JSON.stringify(properties[section]).includes('"listen"')
    if (listens) t.equal(kind, 'judged', `${section} is a listener`)
    // The log is always there; the scene has it at level trace.
    if (kind === 'judged' && section !== 'log') t.ok(section in configured, section)
  }
})
