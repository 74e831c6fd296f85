import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Container, only, type PodSpec, read, readManifests, readPatch, root } from './documents.ts'
import { violations } from './pod-security.ts'

/** Where the sidecar stands: a pod of its own, or what a component puts into others. */
interface Subject {
  readonly spec: Omit<PodSpec, 'containers'>
  readonly sidecar: Container
  readonly native: boolean
  /** The volume with the provider's token, and what it is mounted from. */
  readonly token: string
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const example = only(readManifests('examples/pod.yaml'), 'Pod').spec
const native = readPatch('components/sidecar/sidecar.yaml')
const legacy = readPatch('components/sidecar-legacy/sidecar.yaml')
const subjects: Record<string, Subject> = {
  'examples/pod.yaml': {
    spec: example,
    sidecar: first(example.initContainers),
    native: true,
    token: 'secret',
  },
  'components/sidecar': {
    spec: native,
    sidecar: first(native.initContainers),
    native: true,
    token: 'projected',
  },
  'components/sidecar-legacy': {
    spec: legacy,
    sidecar: first(legacy.containers),
    native: false,
    token: 'projected',
  },
}

for (const [name, { spec, sidecar, native, token }] of Object.entries(subjects)) {
  t.test(`${name}: each probe asks its own path on the port ops`, async (t) => {
    t.strictSame(sidecar.ports, [{ name: 'ops', containerPort: 7576 }])
    t.strictSame(sidecar.startupProbe?.httpGet, native ? { path: '/startupz', port: 'ops' } : undefined)
    t.strictSame(sidecar.livenessProbe?.httpGet, { path: '/livez', port: 'ops' })
    t.strictSame(sidecar.readinessProbe?.httpGet, { path: '/readyz', port: 'ops' })
  })

  t.test(`${name}: the application starts when all required secrets are held`, async (t) => {
    t.equal(sidecar.restartPolicy, native ? 'Always' : undefined)
    if (native) {
      const { periodSeconds = 10, failureThreshold = 3 } = sidecar.startupProbe ?? {}
      t.equal(periodSeconds, 1, 'the application is held back no longer than it has to be')
      t.ok(failureThreshold >= 600, 'a provider that is down for minutes does not get the sidecar killed')
    } else {
      t.strictSame(sidecar.lifecycle?.postStart?.exec.command, [
        '/usr/local/bin/sidekeep',
        'wait',
        '--timeout',
        '10m',
      ])
    }
  })

  t.test(`${name}: the sidecar has a read-only root and the user of the image`, async (t) => {
    const { securityContext } = sidecar
    t.strictSame(
      violations({ containers: [sidecar] }),
      [],
      'and keeps to the restricted Pod Security Standard',
    )
    t.equal(securityContext?.readOnlyRootFilesystem, true)
    const user = /^USER ([0-9]+):[0-9]+$/m.exec(dockerfile())?.[1]
    t.equal(securityContext?.runAsUser, Number(user))
    t.equal(spec.automountServiceAccountToken, false)
  })

  t.test(`${name}: the sidecar's memory has a limit, which is all reserved`, async (t) => {
    const { resources } = sidecar
    t.equal(resources?.limits.memory, native ? '64Mi' : '96Mi', 'with room for the hook where there is one')
    t.equal(resources?.requests.memory, resources?.limits.memory)
    t.equal(resources?.limits.cpu, undefined, 'the CPU has none: throttling would be felt as latency')
  })

  t.test(`${name}: each volume is mounted where the sidecar looks for it`, async (t) => {
    const mounts = new Map(sidecar.volumeMounts?.map(({ name, mountPath }) => [mountPath, name] as const))
    const volume = (path: string) => spec.volumes?.find(({ name }) => name === mounts.get(path))
    t.equal(volume('/etc/sidekeep')?.configMap?.name, 'sidekeep')
    t.ok(Object.hasOwn(volume('/var/run/secrets/sidekeep') ?? {}, token), token)
    t.equal(spec.volumes?.length, mounts.size, 'and nothing else is mounted')
    for (const { emptyDir } of spec.volumes ?? []) {
      t.ok(emptyDir === undefined || emptyDir.sizeLimit, 'what is written lies in memory, and is bounded')
    }
  })

  t.test(`${name}: the image is that of this version`, async (t) => {
    t.equal(sidecar.image, `registry.example/sidekeep:${version}`)
  })
}

t.test('both components put the same sidecar in, but for the start and what that costs', async (t) => {
  const { restartPolicy, startupProbe, ...one } = subjects['components/sidecar']?.sidecar ?? {}
  const { lifecycle, ...other } = subjects['components/sidecar-legacy']?.sidecar ?? {}
  t.strictSame({ ...one, resources: undefined }, { ...other, resources: undefined })
  t.strictSame(native.volumes, legacy.volumes)
})

t.test('the application gets no token, and the files without the right to write', async (t) => {
  for (const { volumeMounts = [] } of example.containers) t.strictSame(volumeMounts, [])
  const files = readPatch('components/files/files.yaml')
  t.strictSame(files.containers, [
    { name: 'app', volumeMounts: [{ name: 'sidekeep-shared', mountPath: '/shared', readOnly: true }] },
  ])
  t.ok((files.securityContext?.fsGroup ?? 0) > 0, 'and the group of the volume, to read them')
})

t.test('the shared volume has one bound, whichever component is named last, and memory for it', async (t) => {
  const files = readPatch('components/files/files.yaml')
  for (const { volumes } of [native, legacy, files]) {
    const shared = volumes?.find(({ name }) => name === 'sidekeep-shared')
    t.strictSame(shared?.emptyDir, { medium: 'Memory', sizeLimit: '4Mi' })
  }
  const page = readFileSync(join(root, 'docs', 'kubernetes.md'), 'utf8')
  const most = /^\| memory with 1,000 secrets [^|]* limit 64Mi[^|]*\| [0-9]+ MiB, ([0-9]+) MiB \|$/m.exec(
    page,
  )?.[1]
  t.ok(Number(most) + 4 <= 64, 'beside what 1,000 secrets take at the most')
})

t.test('the pod of the README is that of the example', async (t) => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  for (const line of ['restartPolicy: Always', 'ports: [{ name: ops, containerPort: 7576 }]']) {
    t.match(readme, line)
    t.match(read('examples/pod.yaml'), line)
  }
  t.match(readme, `image: registry.example/sidekeep:${version}`)
})

t.test('the image is built from the Node that this project pins', async (t) => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  t.match(dockerfile(), `ARG NODE_IMAGE=node:${devDependencies.node}-`)
})

function dockerfile(): string {
  return readFileSync(join(root, 'docker', 'Dockerfile'), 'utf8')
}

function first(
  containers: readonly (Omit<Container, 'image'> & { image?: string | undefined })[] | undefined,
): Container {
  const [sidecar] = containers ?? []
  if (sidecar?.name !== 'sidekeep' || sidecar.image === undefined) {
    throw new Error('the first container is not sidekeep')
  }
  return { ...sidecar, image: sidecar.image }
}
