/**
 * Runs the pod of manifests/examples/pod.yaml for real, under podman, and holds it against what docs/kubernetes.md
 * promises. Prints a line for each check and `N passed, N failed`; exits with 1 where one failed. Whoever calls it
 * removes the pod.
 *
 *     node check.ts --pod NAME --image IMAGE --file POD.YAML --prometheus URL --targets FILE
 *
 * The Prometheus scrapes what the file of targets names.
 */
import { strict as assert } from 'node:assert'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { Checks } from '../checks.ts'
import { type Labels, Prometheus, seriesOf } from '../monitoring/prometheus.ts'
import { promisedMetrics } from '../monitoring/sources.ts'
import { isOpen, rotate, statusOf } from './outside.ts'
import { confinementOf, memoryChargeOf, PodContainer, podAddress, podman } from './podman.ts'
import { poll } from './poll.ts'
import { memoryLimit, nodeInPod, probesOf, renderPod, simplest } from './render.ts'

const answerLine = z.object({ asked: z.int(), answered: z.boolean(), value: z.string().optional() })
const burstLine = z.object({ answered: z.int(), failed: z.int() })
const apiPort = 7575
/** Seconds. Each is many times what it takes; a machine that does other things as well is slow. */
const patience = 30

const burstSeconds = 6
/** What this pod has nothing of: proxy, files, certificates, and a secret with a fallback. */
const ofOtherPods = /^sidekeep_(proxy|file|tls)_|^sidekeep_secret_on_fallback$/
const option = { type: 'string' } as const

const { values } = parseArgs({
  options: { pod: option, image: option, file: option, prometheus: option, targets: option },
})
const { pod, image, file, prometheus, targets } = z
  .object({
    pod: z.string(),
    image: z.string(),
    file: z.string(),
    prometheus: z.string(),
    targets: z.string(),
  })
  .parse(values)

const sidecar = new PodContainer(pod, 'sidekeep')
const application = new PodContainer(pod, 'application')
const token = `CANARY-${randomBytes(16).toString('hex')}`
const { paths, port: opsPort } = probesOf(simplest())
let address = ''
const checks = new Checks(evidence)
const scraped = new Prometheus(prometheus)
/** As the service discovery of a cluster gives them. */
const labels: Labels = { namespace: 'shop', pod }

await checks.check('the application reads its secret over localhost', async () => {
  writeFileSync(file, renderPod({ name: pod, image, scripts: import.meta.dirname, token }, simplest()), {
    mode: 0o600,
  })
  await podman('play', 'kube', '--network', 'podman', file)
  address = await podAddress(pod)
  await poll('the first value', patience, () => heldValue('CANARY-db-password-1'))
})
checks.goOnlyIfPassed()
writeFileSync(targets, JSON.stringify([{ targets: [`${address}:${opsPort}`], labels }]))

await checks.check(`${paths.join(', ')} and /metrics answer on the pod's address`, async () => {
  for (const path of [...paths, '/metrics']) {
    await poll(`200 from ${path}`, patience, async () =>
      (await statusOf(address, opsPort, path)) === 200 ? true : undefined,
    )
  }
})

await checks.check("secrets do not: the api's port is closed there, and ops has no such route", async () => {
  assert.equal(await isOpen(address, apiPort), false, `port ${apiPort} is open on the pod's address`)
  assert.equal(await statusOf(address, opsPort, '/v1/secrets/db-password'), 404)
  assert.equal(await statusOf(address, opsPort, '/v1/secrets'), 404)
})

await checks.check('it runs as 65532 without capabilities, on a read-only root, under seccomp', async () => {
  assert.deepEqual(confinementOf(await sidecar.pid()), {
    uid: 65532,
    capabilities: '0000000000000000',
    noNewPrivileges: true,
    seccompFilter: true,
    readOnlyRoot: true,
  })
})

await checks.check('a rotation arrives', async () => {
  await rotate(address)
  await poll('the second value', patience, () => heldValue('CANARY-db-password-2'))
})

await checks.check('a real Prometheus scrapes the pod, and answers for every promised metric', async () => {
  await poll('the rotation in Prometheus', patience, () =>
    scraped.has('sidekeep_secret_rotations_total{secret="db-password"} >= 1'),
  )
  const promised = promisedMetrics().filter((name) => !ofOtherPods.test(name))
  for (const name of promised) {
    const samples = await scraped.query(seriesOf(name))
    assert.ok(samples.length > 0, `${name} has no sample`)
    for (const sample of samples) assert.partialDeepStrictEqual(sample, labels, name)
  }
  return `${promised.length} metrics`
})

await checks.check('where no alert is about the pod, which is healthy', async () => {
  assert.deepEqual(await scraped.alertsAbout(labels), [])
})

await checks.check(
  `a burst for 1,000 secrets stays within ${memoryLimit(simplest()) / 2 ** 20} MiB`,
  async () => {
    const before = await sidecar.restarts()
    const output = await application.exec(nodeInPod, '/scripts/burst.ts', String(burstSeconds))
    const burst = burstLine.parse(JSON.parse(output))
    assert.equal(await sidecar.restarts(), before, 'the sidecar was killed')
    const { limit, peak } = memoryChargeOf(await sidecar.pid())
    assert.equal(limit, memoryLimit(simplest()), 'the limit of the manifest is not in force')
    assert.equal(burst.failed, 0, `${burst.failed} of ${burst.answered + burst.failed} requests failed`)
    assert.ok(burst.answered > 0)
    return `${Math.round(burst.answered / burstSeconds)} requests/s, at most ${(peak / 2 ** 20).toFixed(0)} MiB charged`
  },
)

await checks.check('the killed sidecar comes back, and the application goes on meanwhile', async () => {
  const [before, applicationPid] = [await sidecar.restarts(), await application.pid()]
  process.kill(await sidecar.pid(), 'SIGKILL')
  const killedAt = (await lastAnswer()).asked
  await poll('a restart of the sidecar', patience, async () =>
    (await sidecar.restarts()) > before ? true : undefined,
  )
  // Answered, and that after the restart: the application was never told of it.
  const back = (await lastAnswer()).asked
  await poll('an answer after the restart', patience, async () => {
    const { asked, answered } = await lastAnswer()
    return asked > back && answered ? true : undefined
  })
  assert.equal(await application.pid(), applicationPid, 'the application was restarted')
  const since = (await answers()).filter(({ asked }) => asked >= killedAt)
  assert.ok(
    since.every(({ value }) => value === 'CANARY-db-password-2'),
    'the application lost its value',
  )
  await poll('the restart in Prometheus', patience, () =>
    scraped.has(`changes(process_start_time_seconds{pod="${pod}"}[5m]) >= 1`),
  )
})

await checks.check('SIGTERM ends it with exit code 0', async () => {
  await sidecar.stop(patience)
  assert.equal(await sidecar.isRunning(), false)
  assert.equal(await sidecar.exitCode(), 0)
})

await checks.check("no value and no token stands in the sidecar's log", async () => {
  const log = await sidecar.log()
  assert.match(log, /"msg":"sidekeep started"/)
  assert.equal(log.includes('CANARY-'), false, 'the log has a marked value')
})

checks.finish()

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

async function answers() {
  const lines = (await application.log()).split('\n').filter((line) => line.startsWith('{"asked"'))
  return lines.map((line) => answerLine.parse(JSON.parse(line)))
}

async function lastAnswer() {
  const last = (await answers()).at(-1)
  if (last === undefined) throw new Error('the application has asked nothing yet')
  return last
}

async function heldValue(expected: string): Promise<true | undefined> {
  return (await answers()).at(-1)?.value === expected ? true : undefined
}
