/**
 * Builds every kustomization and component of manifests/ and holds what comes of it against the schemas of Kubernetes,
 * the restricted Pod Security Standard and what docs/kubernetes.md says. Prints a line for each check and
 * `N passed, N failed`; exits with 1 where one failed.
 *
 *     node check.ts --kubectl FILE --validate FILE --operator FOLDER --scratch FOLDER
 */
import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import * as z from 'zod'
import { parseConfig } from '../../../src/config/load.ts'
import { Checks } from '../checks.ts'
import { documentsOf, type Manifest, only, type PodSpec, parseManifests, read, root } from '../documents.ts'
import { buildable, components } from '../folders.ts'
import { violations } from '../pod-security.ts'
import { build, overlay, schemaErrors } from './build.ts'
import { documented } from './documented.ts'
import { operatorErrors } from './operator.ts'
import { ownPatch, workload, workloadKinds } from './workloads.ts'

const { values } = parseArgs({
  options: {
    kubectl: { type: 'string' },
    validate: { type: 'string' },
    operator: { type: 'string' },
    scratch: { type: 'string' },
  },
})
const { kubectl, validate, operator, scratch } = z
  .object({ kubectl: z.string(), validate: z.string(), operator: z.string(), scratch: z.string() })
  .parse(values)

/** The oldest that a native sidecar is for, the last that the plain one is for, and the newest. */
const versions = { native: ['1.29', '1.37'], legacy: ['1.25', '1.28', '1.37'] }
/** Of built documents, by the folder that they come from. */
const built = new Map<string, string>()
const checks = new Checks()
const named = z.array(z.looseObject({ name: z.string() }))
const podOf = z.looseObject({
  template: z.looseObject({ spec: z.looseObject({ initContainers: named, containers: named }) }),
})

await checks.check('every example and the base build', async () => {
  await Promise.all(
    buildable.map(async (folder) => built.set(folder, await build(kubectl, join(root, 'manifests', folder)))),
  )
  built.set('examples/pod.yaml', read('examples/pod.yaml'))
  return `${built.size} of them`
})

await checks.check(
  'every component goes into each kind of workload, into what has its label and nothing else',
  async () => {
    const sidecars = ['sidecar', 'sidecar-legacy']
    assert.equal(components.length, 5)
    await Promise.all(
      sidecars.map(async (sidecar) => {
        const own = sidecar === 'sidecar' ? 'initContainers' : 'containers'
        const others = components.filter((one) => !sidecars.includes(one.slice('components/'.length)))
        const folder = overlay(scratch, {
          'kustomization.yaml': stringify({
            resources: ['../manifests/base', 'workloads.yaml'],
            components: [...others, `components/${sidecar}`].map((path) => `../manifests/${path}`),
            patches: [ownPatch(own, sidecar === 'sidecar' ? 'migrate' : 'app')],
          }),
          'workloads.yaml': workloadKinds
            .flatMap((kind) => [workload(kind, 'with', { sidekeep: 'true' }), workload(kind, 'without', {})])
            .map((document) => stringify(document))
            .join('---\n'),
        })
        const text = await build(kubectl, folder)
        built.set(`components with ${sidecar}`, text)
        const documents = z
          .array(
            z.looseObject({
              kind: z.string(),
              metadata: z.looseObject({ name: z.string() }),
              spec: z.unknown(),
            }),
          )
          .parse(documentsOf(text).filter((document) => Object.hasOwn(Object(document), 'spec')))
        for (const kind of workloadKinds) {
          const spec = (name: string) =>
            documents.find((one) => one.kind === kind && one.metadata.name === name)?.spec
          const find = (name: string) => JSON.stringify(spec(name))
          const [first] = podOf.parse(spec('with')).template.spec[own]
          assert.ok(find('with').includes('"OWN"'), `${kind}: a patch of one's own is lost`)
          assert.equal(first?.name, 'sidekeep', `${kind}: the sidecar is not the first of its ${own}`)
          assert.ok(find('with').includes('registry.example/sidekeep'), `${kind}: the sidecar is missing`)
          assert.ok(find('with').includes('"readOnly":true'), `${kind}: the files are missing`)
          assert.equal(
            find('without').includes('sidekeep'),
            false,
            `${kind}: one without the label is changed`,
          )
        }
      }),
    )
  },
)
checks.goOnlyIfPassed()

await checks.check(
  'Kubernetes takes them all, from the oldest version that they are for to the newest',
  async () => {
    const files = { native: [] as string[], legacy: [] as string[] }
    for (const [place, text] of built) {
      const file = join(scratch, `${place.replaceAll(/[^a-z]/g, '-')}.yaml`)
      writeFileSync(file, withoutPodMonitors(text))
      files[place.includes('legacy') ? 'legacy' : 'native'].push(file)
    }
    for (const kind of ['native', 'legacy'] as const) {
      for (const version of versions[kind]) {
        assert.equal(await schemaErrors(validate, version, files[kind]), '', `Kubernetes ${version}`)
      }
    }
    return `native for ${versions.native.join(' and ')}, plain for ${versions.legacy.join(', ')}`
  },
)

await checks.check('and none of them with a field that is misspelt', async () => {
  const spellings = [
    ['timeoutSeconds', 'timeoutSecond'],
    ['sizeLimit', 'sizelimit'],
    ['readOnlyRootFilesystem', 'readOnlyRootFileSystem'],
    ['audience', 'audiences'],
    ['terminationGracePeriodSeconds', 'terminationGracePeriod'],
    ['targetPort', 'targetport'],
  ] as const
  const text = withoutPodMonitors(built.get('examples/proxy-redis') ?? '')
  await Promise.all(
    spellings.map(async ([right, wrong]) => {
      const misspelt = text.replace(`${right}:`, `${wrong}:`)
      assert.notEqual(misspelt, text, `${right} is nowhere`)
      const file = join(scratch, `misspelt-${wrong}.yaml`)
      writeFileSync(file, misspelt)
      assert.match(await schemaErrors(validate, '1.37', [file]), new RegExp(`'${wrong}' was unexpected`))
    }),
  )
  const monitored = built.get('examples/deployment') ?? ''
  assert.throws(() => parseManifests(monitored.replace('scrapeTimeout:', 'scrapeTimout:')), /scrapeTimout/)
  return `${spellings.length + 1} spellings`
})

await checks.check('what is for the Prometheus operator is as its definitions have it', async () => {
  const documents = ['components/monitoring/pod-monitor.yaml', 'monitoring/prometheus-rule.yaml'].flatMap(
    (path) => documentsOf(read(path)),
  )
  const kinds: string[] = []
  for (const document of documents) {
    const { kind } = z.looseObject({ kind: z.string() }).parse(document)
    assert.deepEqual(await operatorErrors(operator, kind, document), [], kind)
    kinds.push(kind)
    // What it is to find: a field that is misspelt, and one of another type.
    const [misspelt, mistyped] = [structuredClone(document), structuredClone(document)]
    const wrong =
      kind === 'PodMonitor' ? { podMetricsEndpoints: [{ prot: 'ops' }] } : { groups: [{ nam: 'a' }] }
    Object.assign(Object(misspelt), { spec: { ...Object(misspelt).spec, ...wrong } })
    assert.notDeepEqual(await operatorErrors(operator, kind, misspelt), [], `${kind}, misspelt`)
    Object.assign(Object(mistyped), { spec: 1 })
    assert.notDeepEqual(await operatorErrors(operator, kind, mistyped), [], `${kind}, mistyped`)
  }
  assert.deepEqual(kinds.toSorted(), ['PodMonitor', 'PrometheusRule'])
})

await checks.check('every pod keeps to the restricted Pod Security Standard', async () => {
  let pods = 0
  for (const [place, text] of examples()) {
    for (const spec of podsOf(parseManifests(text))) {
      pods++
      assert.deepEqual(violations(spec), [], place)
      assert.equal(spec.automountServiceAccountToken, false, place)
      for (const { name, securityContext, resources } of [
        ...(spec.initContainers ?? []),
        ...spec.containers,
      ]) {
        assert.ok((securityContext?.runAsUser ?? 0) > 0, `${place}: ${name} has no numeric user`)
        if (place !== 'examples/pod.yaml')
          assert.ok(resources?.limits.memory, `${place}: ${name} has no limit`)
      }
    }
  }
  return `${pods} pods`
})

await checks.check(
  'the sidecar stands before all others, and reads the configuration that was built',
  async () => {
    for (const [place, text] of examples()) {
      const documents = parseManifests(text)
      const { name, data } = { ...only(documents, 'ConfigMap'), ...only(documents, 'ConfigMap').metadata }
      const [spec] = podsOf(documents)
      const order = place.includes('legacy') ? spec?.containers : spec?.initContainers
      assert.equal(order?.[0]?.name, 'sidekeep', place)
      const config = spec?.volumes?.find((volume) => volume.name === 'sidekeep-config')?.configMap?.name
      assert.equal(config, name, `${place}: another ConfigMap is mounted`)
      const { warnings } = await parseConfig(data['sidekeep.yaml'] ?? '', { file: place, env: {} })
      assert.deepEqual(warnings, [], place)
    }
  },
)

await checks.check('what docs/kubernetes.md shows builds, and does what it says there', async () => {
  const { folder, image } = documented(scratch)
  const [pod] = podsOf(parseManifests(await build(kubectl, folder)))
  assert.equal(pod?.initContainers?.[0]?.image, image)
  const token = pod?.volumes?.find(({ name }) => name === 'sidekeep-token')
  assert.deepEqual(token?.projected?.sources, [{ secret: { name: 'sidekeep-token' } }])
})

await checks.check('what each example is for is in it', async () => {
  const documents = (place: string) => parseManifests(built.get(place) ?? '')
  const [service] = documents('examples/proxy-redis').filter(
    (one) => one.kind === 'Service' && one.metadata.name === 'my-app',
  )
  assert.equal(service?.kind === 'Service' && service.spec.ports[0]?.targetPort, 8080)
  assert.match(JSON.stringify(documents('examples/vault-kubernetes')), /"audience":"vault"/)
  assert.doesNotMatch(JSON.stringify(documents('examples/vault-kubernetes')), /"audience":"my-secrets/)
  const account = only(documents('examples/aws-irsa'), 'ServiceAccount')
  assert.ok(account.metadata.annotations?.['eks.amazonaws.com/role-arn'])
  const { metadata } = only(documents('examples/aws-irsa'), 'Deployment').spec.template
  assert.equal(
    metadata.annotations?.['eks.amazonaws.com/skip-containers'],
    'app',
    'the application has the role',
  )
  assert.equal(only(documents('examples/job'), 'Job').spec.template.spec.restartPolicy, 'Never')
  const files = only(documents('examples/files'), 'Deployment').spec.template.spec
  assert.equal(files.securityContext?.fsGroup, 2000)
  assert.equal(files.volumes?.find(({ emptyDir }) => emptyDir)?.emptyDir?.sizeLimit, '4Mi')
  assert.equal(files.containers.length, 1)
  const pods = only(documents('examples/deployment'), 'Deployment').spec.template
  const monitor = only(documents('examples/deployment'), 'PodMonitor').spec
  for (const [label, value] of Object.entries(monitor.selector.matchLabels)) {
    assert.equal(pods.metadata.labels[label], value, 'the PodMonitor does not find the pods')
  }
})

checks.finish()

function examples() {
  return [...built].filter(([place]) => place.startsWith('examples/'))
}

function podsOf(documents: readonly Manifest[]): PodSpec[] {
  return documents.flatMap((one) => {
    if (one.kind === 'Pod') return [one.spec]
    return one.kind === 'Deployment' || one.kind === 'Job' ? [one.spec.template.spec] : []
  })
}

/** Kubernetes itself has no schema of it; documents.ts has one that refuses what it does not know. */
function withoutPodMonitors(text: string): string {
  const parts = text.split(/^---\n/m)
  for (const part of parts) if (/^kind: PodMonitor$/m.test(part)) parseManifests(part)
  return parts.filter((part) => !/^kind: PodMonitor$/m.test(part)).join('---\n')
}
