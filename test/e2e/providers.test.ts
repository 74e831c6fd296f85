/** Each kind of provider in a real process, against a strict imitation of its backend. */
import t from 'tap'
import { eventually } from '../support/e2e-eventually.ts'
import { startReadySidecar } from '../support/process-sidecar.ts'
import { kinds, value } from '../support/provider-kinds.ts'
import { configurationOf } from '../support/provider-stage.ts'

const names = ['one', 'two', 'three']

for (const kind of kinds) {
  t.test(`${kind.title}: is served, outlives its backend, and shows nothing on the way`, async (t) => {
    const backend = await kind.start(t, names)
    const config = configurationOf(backend, names, { log: { level: 'trace' } })
    const sidecar = await startReadySidecar(t, {
      config,
      env: { ...backend.env },
    })
    for (const name of names) {
      const answer = await sidecar.ask(`/v1/secrets/${name}`)
      t.match(answer.json(), { name, value: value(name), state: 'fresh' })
    }
    await backend.stop()
    for (const name of names) {
      // Whoever asks within a second of the last call gets what that brought.
      const refresh = await eventually(`a refresh of ${name} that fails`, async () => {
        const answer = await sidecar.ask(`/v1/refresh/${name}`, { method: 'POST' })
        return answer.status === 200 ? undefined : answer
      })
      t.equal(refresh.status, 502)
      const answer = await sidecar.ask(`/v1/secrets/${name}`)
      t.match(answer.json(), { name, value: value(name) })
      // What is asked of it beside the value itself, canaries are looked for in by the log alone.
      for (const path of [`/v1/explain/${name}`, '/v1/secrets', '/metrics', '/readyz?verbose']) {
        const { status, text } = await sidecar.ask(path)
        t.equal(status, 200, path)
        t.notMatch(text, /CANARY-/, `${path} has no value and no credential`)
      }
      t.notMatch(refresh.text, /CANARY-/)
    }
    sidecar.child.signal('SIGTERM')
    const exit = await sidecar.child.ended()
    t.equal(exit.code, 0)
  })
}
