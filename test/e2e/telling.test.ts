/** What a real sidecar tells those who wait and listen; and that they do not hold up its stop. */
import t from 'tap'
import { openEvents } from '../api/support/event-client.ts'
import { startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { eventually, inTime } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import type { SidecarProcess } from '../support/process-sidecar.ts'
import { simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

const path = '/v1/secrets/db-password'
const header = { 'x-sidekeep-request': 'true' }

/** Requests that wait for another version than the one held, once all of them do. */
async function waiters(sidecar: SidecarProcess, count: number) {
  const { headers } = await sidecar.ask(path)
  const conditional = { ...header, 'if-none-match': headers.etag ?? '', prefer: 'wait=12' }
  const answers = Array.from({ length: count }, () => sidecar.ask(path, { headers: conditional }))
  await eventually('all of them wait', async () => {
    const { text } = await sidecar.ask('/metrics')
    return metric(text, 'sidekeep_waiting_requests') === count
  })
  return answers
}

t.test('a rotation at the backend reaches who waits and who listens', async (t) => {
  const secrets = [['db-password', { value: 'CANARY-db-password-1', version: '1' }]] as const
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  const stream = await openEvents(t, { port: Number(new URL(sidecar.api).port) }, '?name=db-*')
  const answers = await waiters(sidecar, 20)
  backend.secrets.set('db-password', { value: 'CANARY-db-password-2', version: '2' })
  for (const answer of answers) {
    const { status, headers, json } = await answer
    t.match({ status, applied: headers['preference-applied'] }, { status: 200, applied: 'wait=12' })
    t.equal(json().value, 'CANARY-db-password-2')
  }
  // On a busy machine it may have been stale for a moment before.
  const rotated = await eventually('the event', () =>
    stream.messages.find(({ event }) => event === 'rotated'),
  )
  t.match(rotated.data, { name: 'db-password', version: '2' })
  canaryGuard(t).noLeak('the stream', stream.text)
})

t.test('a version that was refused is fetched at once, however long its refresh interval is', async (t) => {
  const secrets = [['db-password', { value: 'CANARY-db-password-1', version: '1' }]] as const
  const backend = await startBackend(t, { token, secrets })
  const calm = { secrets: { 'db-password': { provider: 'platform', refresh: '1h', required: true } } }
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url, calm) })
  backend.secrets.set('db-password', { value: 'CANARY-db-password-2', version: '2' })
  // Within a second of the first fetch its result is the answer.
  await eventually('the newer version', async () => {
    const { status, body } = await report(sidecar, '1')
    t.equal(status, 200)
    return body === '{"version":"2","changed":true}'
  })
  t.equal((await sidecar.ask(`${path}?format=raw`)).text, 'CANARY-db-password-2')
})

async function report(sidecar: SidecarProcess, version: string): Promise<{ status: number; body: string }> {
  const answer = await fetch(`${sidecar.api}/v1/rejected/db-password`, {
    method: 'POST',
    headers: { ...header, 'content-type': 'application/json' },
    body: JSON.stringify({ version }),
  })
  return { status: answer.status, body: await answer.text() }
}

t.test('those who wait and those who listen are let go when it stops, and it stops promptly', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password-1']] })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  const port = Number(new URL(sidecar.api).port)
  const streams = await Promise.all(Array.from({ length: 5 }, () => openEvents(t, { port })))
  const answers = await waiters(sidecar, 50)
  const started = performance.now()
  sidecar.child.signal('SIGTERM')
  for (const answer of answers) t.equal((await answer).status, 304)
  for (const { closed, response } of streams) {
    await inTime('the end of the stream', closed)
    t.ok(response.complete)
  }
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
  t.ok(performance.now() - started < 6_000)
})
