/**
 * Runs the pod of manifests/examples/files, as kustomize builds it, for real under podman: the application reads its
 * secret over localhost and from the shared volume, and never notices that the sidecar is killed. Prints a line for each
 * check and `N passed, N failed`; exits with 1 where one failed. Whoever calls it removes the pod.
 *
 *     node files-check.ts --pod NAME --image IMAGE --file POD.YAML --built BUILT.YAML --shared FOLDER
 */
import { strict as assert } from 'node:assert'
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { Checks } from '../checks.ts'
import { isOpen, rotate, statusOf } from './outside.ts'
import { confinementOf, PodContainer, podAddress, podman } from './podman.ts'
import { poll } from './poll.ts'
import { deployed, probesOf, renderPod } from './render.ts'

const turnLine = z.object({
  turn: z.int(),
  tries: z.int(),
  reads: z.int(),
  api: z.string().optional(),
  file: z.string().optional(),
  error: z.string().optional(),
})
const apiPort = 7575
/** Seconds. Each is many times what it takes; a machine that does other things as well is slow. */
const patience = 45
const option = { type: 'string' } as const

const { values } = parseArgs({
  options: { pod: option, image: option, file: option, built: option, shared: option },
})
const { pod, image, file, built, shared } = z
  .object({ pod: z.string(), image: z.string(), file: z.string(), built: z.string(), shared: z.string() })
  .parse(values)

const sidecar = new PodContainer(pod, 'sidekeep')
const application = new PodContainer(pod, 'application')
const source = deployed(readFileSync(built, 'utf8'))
const { paths, port: opsPort } = probesOf(source)
const checks = new Checks(evidence)
let address = ''

await checks.check('the application reads its secret over localhost and from the shared volume', async () => {
  const token = `CANARY-${randomBytes(16).toString('hex')}`
  const scripts = import.meta.dirname
  const rendered = renderPod({ name: pod, image, scripts, token, shared }, source)
  writeFileSync(file, rendered, { mode: 0o600 })
  await podman('play', 'kube', '--network', 'podman', file)
  address = await podAddress(pod)
  await poll('the first value, both ways', patience, () => bothAre('CANARY-db-password-1'))
})
checks.goOnlyIfPassed()

await checks.check('which it may read and not write, being another user', async () => {
  const { gid, mode } = statSync(join(shared, 'secrets.json'))
  assert.equal(mode & 0o7777, 0o440)
  assert.equal(gid, source.spec.securityContext?.fsGroup, 'the file has not the group of the volume')
  assert.equal(confinementOf(await sidecar.pid()).uid, 65532)
  assert.equal(confinementOf(await application.pid()).uid, 1000)
  const mounts = readFileSync(`/proc/${await application.pid()}/mounts`, 'utf8')
  assert.match(mounts, /^\S+ \/shared tmpfs ro[, ]/m)
})

await checks.check("probes answer on the pod's address, the api's port does not", async () => {
  for (const path of paths) {
    await poll(`200 from ${path}`, patience, async () =>
      (await statusOf(address, opsPort, path)) === 200 ? true : undefined,
    )
  }
  assert.equal(await isOpen(address, apiPort), false, `port ${apiPort} is open on the pod's address`)
})

await checks.check('a rotation arrives in both', async () => {
  await rotate(address)
  await poll('the second value, both ways', patience, () => bothAre('CANARY-db-password-2'))
})

await checks.check('the sidecar is killed and comes back, and a rotation arrives again', async () => {
  const before = await sidecar.restarts()
  const { turn } = await lastTurn()
  process.kill(await sidecar.pid(), 'SIGKILL')
  await poll('a restart of the sidecar', patience, async () =>
    (await sidecar.restarts()) > before ? true : undefined,
  )
  await rotate(address)
  await poll('the third value, both ways', patience, () => bothAre('CANARY-db-password-3'))
  const since = (await turns()).filter((one) => one.turn >= turn)
  const tries = Math.max(...since.map((one) => one.tries))
  return `at most ${tries} tries for one answer`
})

await checks.check('the application has never noticed: each of its reads brought a whole value', async () => {
  const all = await turns()
  const failed = all.find((one) => !isValue(one.api) || !isValue(one.file))
  assert.equal(failed, undefined, JSON.stringify(failed))
  assert.equal(await application.restarts(), 0, 'the application was restarted')
  const reads = all.reduce((sum, one) => sum + one.reads, 0)
  return `${all.length} answers over localhost, ${reads} reads of the file`
})

await checks.check("no value stands in the sidecar's log", async () => {
  assert.equal((await sidecar.log()).includes('CANARY-'), false, 'the log has a marked value')
})

checks.finish()

function isValue(text: string | undefined): boolean {
  return text !== undefined && /^CANARY-db-password-[123]$/.test(text)
}

async function turns() {
  const lines = (await application.log()).split('\n').filter((line) => line.startsWith('{"turn"'))
  return lines.map((line) => turnLine.parse(JSON.parse(line)))
}

async function lastTurn() {
  const last = (await turns()).at(-1)
  if (last === undefined) throw new Error('the application has read nothing yet')
  return last
}

async function bothAre(value: string): Promise<true | undefined> {
  const last = (await turns()).at(-1)
  return last?.api === value && last.file === value ? true : undefined
}

/** The last that the containers said, for whoever looks for the reason. Values here are only those of this check. */
async function evidence(): Promise<string> {
  const logs = await Promise.all(
    [sidecar, application].map((container) => container.log().catch((error) => String(error))),
  )
  return logs
    .flatMap((log) => log.trimEnd().split('\n').slice(-5))
    .map((line) => `  # ${line}`)
    .join('\n')
}
