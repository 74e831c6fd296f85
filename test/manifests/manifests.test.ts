import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseConfig } from '../../src/config/load.ts'
import { type Container, only, type PodSpec, readManifests, root } from './documents.ts'

/** A manifest's pod with the configuration that its ConfigMap brings. */
interface Subject {
  readonly spec: PodSpec
  readonly configMap: string
  readonly config: string
}

const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
const kustomization = only(readManifests('base/kustomization.yaml'), 'Kustomization')
const example = readManifests('examples/pod.yaml')
const subjects: Record<string, Subject> = {
  'manifests/base': {
    spec: only(readManifests('base/deployment.yaml'), 'Deployment').spec.template.spec,
    configMap: kustomization.configMapGenerator[0]?.name ?? '',
    config: readFileSync(join(root, 'manifests', 'base', 'sidekeep.yaml'), 'utf8'),
  },
  'manifests/examples/pod.yaml': {
    spec: only(example, 'Pod').spec,
    configMap: only(example, 'ConfigMap').metadata.name,
    config: only(example, 'ConfigMap').data['sidekeep.yaml'] ?? '',
  },
}

for (const [name, subject] of Object.entries(subjects)) {
  t.test(`${name}: the configuration is one that the sidecar takes`, async (t) => {
    const { config, warnings } = await load(subject)
    t.strictSame(warnings, [])
    t.match(config.api.listen, { host: '127.0.0.1', port: 7575 })
    t.match(config.ops?.listen, { host: '0.0.0.0', port: 7576 })
  })

  t.test(
    `${name}: the sidecar is native, so that it starts before the application and ends after it`,
    async (t) => {
      t.equal(sidecarOf(subject).restartPolicy, 'Always')
      t.notOk(
        subject.spec.containers.some(({ name }) => name === 'sidekeep'),
        'and stands among the init containers alone',
      )
    },
  )

  t.test(`${name}: each probe asks its own path, on the port that the configuration opens`, async (t) => {
    const { config } = await load(subject)
    const { startupProbe, livenessProbe, readinessProbe, ports } = sidecarOf(subject)
    t.strictSame(ports, [{ name: 'ops', containerPort: portOf(config.ops?.listen) }])
    t.strictSame(startupProbe?.httpGet, { path: '/startupz', port: 'ops' })
    t.strictSame(livenessProbe?.httpGet, { path: '/livez', port: 'ops' })
    t.strictSame(readinessProbe?.httpGet, { path: '/readyz', port: 'ops' })
  })

  t.test(`${name}: a provider that is down for minutes does not get the sidecar killed`, async (t) => {
    const { periodSeconds = 10, failureThreshold = 3 } = sidecarOf(subject).startupProbe ?? {}
    t.ok(periodSeconds * failureThreshold >= 600)
  })

  t.test(`${name}: every container keeps to the restricted Pod Security Standard`, async (t) => {
    for (const { name, securityContext } of containersOf(subject)) {
      t.match(
        securityContext,
        {
          runAsNonRoot: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
        name,
      )
      t.ok((securityContext?.runAsUser ?? 0) > 0, `${name} has a numeric user`)
    }
    t.equal(subject.spec.automountServiceAccountToken, false)
  })

  t.test(`${name}: the sidecar has a read-only root and the user of the image`, async (t) => {
    const { securityContext } = sidecarOf(subject)
    t.equal(securityContext?.readOnlyRootFilesystem, true)
    const user = /^USER ([0-9]+):[0-9]+$/m.exec(dockerfile())?.[1]
    t.equal(securityContext?.runAsUser, Number(user))
  })

  t.test(`${name}: the sidecar's memory has a limit, which is all reserved`, async (t) => {
    const { resources } = sidecarOf(subject)
    t.match(resources?.limits.memory, /^[0-9]+Mi$/)
    t.equal(resources?.requests.memory, resources?.limits.memory)
    t.equal(resources?.limits.cpu, undefined, 'the CPU has none: throttling would be felt as latency')
  })

  t.test(`${name}: what the configuration reads is mounted where it looks`, async (t) => {
    const mounts = new Map(
      sidecarOf(subject).volumeMounts?.map(({ name, mountPath }) => [mountPath, name] as const),
    )
    const volume = (path: string) => subject.spec.volumes.find(({ name }) => name === mounts.get(path))
    t.equal(volume('/etc/sidekeep')?.configMap?.name, subject.configMap)
    t.match(subject.config, 'token: { file: /var/run/secrets/sidekeep/token }')
    t.equal(volume('/var/run/secrets/sidekeep')?.secret?.secretName, 'sidekeep-token')
    t.equal(subject.spec.volumes.length, mounts.size, 'and nothing else is mounted')
  })

  t.test(`${name}: the application gets no token`, async (t) => {
    for (const { volumeMounts = [] } of subject.spec.containers) {
      t.notOk(volumeMounts.some(({ name }) => name === 'sidekeep-token'))
    }
  })

  t.test(
    `${name}: every image has a tag that stays what it is, the sidecar's being this version`,
    async (t) => {
      const images = containersOf(subject).map(({ image }) => resolved(image))
      for (const image of images) t.match(image, /^registry\.example\/[a-z-]+:[0-9]+\.[0-9]+\.[0-9]+$/)
      t.equal(resolved(sidecarOf(subject).image), `registry.example/sidekeep:${version}`)
    },
  )
}

t.test('the base finds the configuration in the file that its generator names', async (t) => {
  t.strictSame(kustomization.configMapGenerator, [{ name: 'sidekeep', files: ['sidekeep.yaml'] }])
  t.strictSame(kustomization.resources, ['deployment.yaml'])
})

t.test('the base selects the pods that it makes', async (t) => {
  const { selector, template } = only(readManifests('base/deployment.yaml'), 'Deployment').spec
  t.strictSame(selector.matchLabels, template.metadata.labels)
})

t.test('the image is built from the Node that this project pins', async (t) => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  t.match(dockerfile(), `ARG NODE_IMAGE=node:${devDependencies.node}-slim\n`)
})

function load({ config }: Subject) {
  return parseConfig(config, { file: 'sidekeep.yaml', env: {} })
}

function dockerfile(): string {
  return readFileSync(join(root, 'docker', 'Dockerfile'), 'utf8')
}

function containersOf({ spec }: Subject): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers]
}

function sidecarOf({ spec }: Subject): Container {
  const [sidecar] = spec.initContainers ?? []
  if (sidecar?.name !== 'sidekeep') throw new Error('the first init container is not sidekeep')
  return sidecar
}

function portOf(listen: object | undefined): number | undefined {
  return listen !== undefined && 'port' in listen && typeof listen.port === 'number' ? listen.port : undefined
}

/** An image as kustomize would name it. */
function resolved(image: string): string {
  const replaced = kustomization.images.find(({ name }) => name === image)
  return replaced === undefined ? image : `${replaced.newName}:${replaced.newTag}`
}
