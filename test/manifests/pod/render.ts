/**
 * Makes of manifests/examples/pod.yaml what podman can run here: the same sidecar, configuration and volumes, beside an
 * application and a provider of our own. What podman 4.3 does not know becomes something that it does: the native
 * sidecar a plain container, and the probes, which it would run as commands in the container, are left to the check.
 */
import { parse, stringify } from 'yaml'
import { type Container, only, readManifests, type Volume } from '../documents.ts'

export interface PodOptions {
  readonly name: string
  readonly image: string
  /** The folder with application.ts, provider.ts and burst.ts. */
  readonly scripts: string
  /** What the provider wants to see. */
  readonly token: string
}

/** The image has none that runs anything but Sidekeep: the one that runs the check is mounted there. */
export const nodeInPod = '/usr/local/bin/node'

const manifestFile = 'examples/pod.yaml'

/** The YAML for `podman play kube`. */
export function renderPod(options: PodOptions): string {
  const manifests = readManifests(manifestFile)
  const configMap = only(manifests, 'ConfigMap')
  const pod = only(manifests, 'Pod')
  const sidecar = sidecarOf(pod.spec.initContainers)
  const scripts = { name: 'scripts', mountPath: '/scripts', readOnly: true }
  const node = { name: 'node', mountPath: nodeInPod, readOnly: true }
  const script = (name: string, file: string, mounts: Container['volumeMounts'] = []) => ({
    name,
    image: options.image,
    command: [nodeInPod, `/scripts/${file}`],
    securityContext,
    volumeMounts: [scripts, node, ...mounts],
  })
  // Left out: the probes and the restart policy, and the ports, which podman 4.3 publishes on the machine itself.
  const { name, args, securityContext, resources, volumeMounts } = sidecar
  const plain = { name, args, securityContext, resources, volumeMounts }
  const documents = [
    {
      ...configMap,
      metadata: { name: configOf(options) },
      data: { 'sidekeep.yaml': testConfig(configMap.data['sidekeep.yaml']) },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secretOf(options) },
      data: { token: Buffer.from(options.token).toString('base64') },
    },
    {
      ...pod,
      metadata: { name: options.name },
      spec: {
        ...pod.spec,
        initContainers: [],
        containers: [
          { ...plain, image: options.image },
          script('application', 'application.ts'),
          script(
            'provider',
            'provider.ts',
            volumeMounts?.filter(({ name }) => name === 'sidekeep-token'),
          ),
        ],
        volumes: [
          ...(pod.spec.volumes ?? []).map((volume) => renamed(volume, options)),
          { name: 'scripts', hostPath: { path: options.scripts, type: 'Directory' } },
          { name: 'node', hostPath: { path: process.execPath, type: 'File' } },
        ],
      },
    },
  ]
  return documents.map((document) => stringify(document, { aliasDuplicateObjects: false })).join('---\n')
}

/** The paths that the manifest has the kubelet ask, and the port that it asks them on. */
export function probesOf(): { readonly paths: readonly string[]; readonly port: number } {
  const { startupProbe, livenessProbe, readinessProbe, ports } = sidecarOf(
    only(readManifests(manifestFile), 'Pod').spec.initContainers,
  )
  const paths = [startupProbe, livenessProbe, readinessProbe].flatMap((probe) => probe?.httpGet?.path ?? [])
  const port = ports?.find(({ name }) => name === 'ops')?.containerPort
  if (paths.length !== 3 || port === undefined) throw new Error(`${manifestFile} lacks a probe or its port`)
  return { paths, port }
}

/** The sidecar's memory limit in the manifest, in bytes. */
export function memoryLimit(): number {
  const sidecar = sidecarOf(only(readManifests(manifestFile), 'Pod').spec.initContainers)
  const mebibytes = /^([0-9]+)Mi$/.exec(sidecar.resources?.limits.memory ?? '')?.[1]
  if (mebibytes === undefined) throw new Error(`${manifestFile} lacks a memory limit in Mi`)
  return Number(mebibytes) * 1024 * 1024
}

/** What podman keeps beside the pod, and what has to be removed with it: a volume and a secret are global there. */
export function configOf({ name }: Pick<PodOptions, 'name'>): string {
  return `${name}-config`
}

export function secretOf({ name }: Pick<PodOptions, 'name'>): string {
  return `${name}-token`
}

function renamed(volume: Volume, options: PodOptions) {
  if (volume.configMap !== undefined) return { ...volume, configMap: { name: configOf(options) } }
  // podman 4.3 crashes where `optional` is left out.
  return { ...volume, secret: { secretName: secretOf(options), optional: false } }
}

function sidecarOf(initContainers: readonly Container[] | undefined): Container {
  const sidecar = initContainers?.find(({ name }) => name === 'sidekeep')
  if (sidecar === undefined) throw new Error(`${manifestFile} has no init container named sidekeep`)
  return sidecar
}

/** The manifest's configuration against the provider in the pod, with rotations within a second and many secrets. */
function testConfig(text: string | undefined): string {
  const config = parse(text ?? '')
  config.providers.platform.url = 'http://127.0.0.1:9000/secrets'
  config.providers.platform.maxBody = '4MiB'
  config.secrets['db-password'].refresh = '1s'
  config.secrets['bulk/*'] = { provider: 'platform', refresh: '1s' }
  return stringify(config)
}
