/**
 * Makes of a pod of the manifests what podman can run here: the same sidecar, configuration and volumes, beside an
 * application and a provider of our own. What podman 4.3 does not know becomes something that it does: the native
 * sidecar a plain container, and the probes, which it would run as commands in the container, are left to the check.
 */
import { parse, stringify } from 'yaml'
import {
  type Container,
  only,
  type PodSpec,
  parseManifests,
  readManifests,
  type Volume,
} from '../documents.ts'

export interface PodOptions {
  readonly name: string
  readonly image: string
  /** The folder with application.ts, provider.ts and burst.ts. */
  readonly scripts: string
  /** What the provider wants to see. */
  readonly token: string
  /** The folder that stands for the volume in memory, where the pod has one. */
  readonly shared?: string
}

/** The image has none that runs anything but Sidekeep: the one that runs the check is mounted there. */
export const nodeInPod = '/usr/local/bin/node'

/** A pod of the manifests, and the configuration that is mounted there. */
export interface Source {
  readonly spec: PodSpec
  readonly config: string
}

/** That of manifests/examples/pod.yaml. */
export function simplest(): Source {
  const documents = readManifests('examples/pod.yaml')
  return {
    spec: only(documents, 'Pod').spec,
    config: only(documents, 'ConfigMap').data['sidekeep.yaml'] ?? '',
  }
}

/** That of the one Deployment in what kustomize has built. */
export function deployed(text: string): Source {
  const documents = parseManifests(text)
  return {
    spec: only(documents, 'Deployment').spec.template.spec,
    config: only(documents, 'ConfigMap').data['sidekeep.yaml'] ?? '',
  }
}

/** The YAML for `podman play kube`. */
export function renderPod(options: PodOptions, { spec, config }: Source): string {
  const sidecar = sidecarOf(spec)
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
  // As the manifest has it, where it says how; the program is the check's own.
  const app = spec.containers.find((container) => container.name === 'app')
  const application =
    app === undefined
      ? script('application', 'application.ts')
      : {
          ...script('application', 'files-application.ts', app.volumeMounts),
          securityContext: app.securityContext,
        }
  const documents = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: configOf(options) },
      data: { 'sidekeep.yaml': testConfig(config, app === undefined) },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secretOf(options) },
      data: { token: Buffer.from(options.token).toString('base64') },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: options.name },
      spec: {
        ...spec,
        securityContext: groupsOf(spec),
        initContainers: [],
        containers: [
          { ...plain, image: options.image },
          application,
          script(
            'provider',
            'provider.ts',
            volumeMounts?.filter(({ name }) => name === 'sidekeep-token'),
          ),
        ],
        volumes: [
          ...(spec.volumes ?? []).map((volume) => renamed(volume, options)),
          { name: 'scripts', hostPath: { path: options.scripts, type: 'Directory' } },
          { name: 'node', hostPath: { path: process.execPath, type: 'File' } },
        ],
      },
    },
  ]
  return documents.map((document) => stringify(document, { aliasDuplicateObjects: false })).join('---\n')
}

/** The paths that the manifest has the kubelet ask, and the port that it asks them on. */
export function probesOf({ spec }: Source): { readonly paths: readonly string[]; readonly port: number } {
  const { startupProbe, livenessProbe, readinessProbe, ports } = sidecarOf(spec)
  const paths = [startupProbe, livenessProbe, readinessProbe].flatMap((probe) => probe?.httpGet?.path ?? [])
  const port = ports?.find(({ name }) => name === 'ops')?.containerPort
  if (paths.length !== 3 || port === undefined) throw new Error('the manifest lacks a probe or its port')
  return { paths, port }
}

/** The sidecar's memory limit in the manifest, in bytes. */
export function memoryLimit({ spec }: Source): number {
  const mebibytes = /^([0-9]+)Mi$/.exec(sidecarOf(spec).resources?.limits.memory ?? '')?.[1]
  if (mebibytes === undefined) throw new Error('the manifest lacks a memory limit in Mi')
  return Number(mebibytes) * 1024 * 1024
}

/** What podman keeps beside the pod, and what has to be removed with it: a volume and a secret are global there. */
export function configOf({ name }: Pick<PodOptions, 'name'>): string {
  return `${name}-config`
}

export function secretOf({ name }: Pick<PodOptions, 'name'>): string {
  return `${name}-token`
}

/** podman 4.3 takes no notice of `fsGroup`, which to a container is one group more. */
function groupsOf({ securityContext }: PodSpec): { supplementalGroups?: number[] } {
  return securityContext === undefined ? {} : { supplementalGroups: [securityContext.fsGroup] }
}

function renamed(volume: Volume, options: PodOptions) {
  const { name } = volume
  if (volume.configMap !== undefined) return { name, configMap: { name: configOf(options) } }
  // podman 4.3 makes a volume on the disk of it, without the group of the pod.
  if (volume.emptyDir !== undefined) return { name, hostPath: { path: options.shared, type: 'Directory' } }
  // In place of a projected token too. podman 4.3 crashes where `optional` is left out.
  return { name, secret: { secretName: secretOf(options), optional: false } }
}

function sidecarOf({ initContainers }: PodSpec): Container {
  const sidecar = initContainers?.find(({ name }) => name === 'sidekeep')
  if (sidecar === undefined) throw new Error('the manifest has no init container named sidekeep')
  return sidecar
}

/** The manifest's configuration against the provider in the pod, with rotations within a second, and many secrets for the burst. */
function testConfig(text: string, withMany: boolean): string {
  const config = parse(text)
  config.providers.platform.url = 'http://127.0.0.1:9000/secrets'
  config.providers.platform.maxBody = '4MiB'
  config.secrets['db-password'].refresh = '1s'
  if (withMany) config.secrets['bulk/*'] = { provider: 'platform', refresh: '1s' }
  return stringify(config)
}
