/** Reads the manifests as the API server would: several documents a file, YAML 1.1. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import * as z from 'zod'

export const root = join(import.meta.dirname, '..', '..')

const httpGet = z.strictObject({ path: z.string(), port: z.string() })

const probe = z.strictObject({
  httpGet,
  periodSeconds: z.int().optional(),
  timeoutSeconds: z.int().optional(),
  failureThreshold: z.int().optional(),
})

const securityContext = z.strictObject({
  runAsUser: z.int(),
  runAsGroup: z.int().optional(),
  runAsNonRoot: z.boolean(),
  allowPrivilegeEscalation: z.boolean(),
  readOnlyRootFilesystem: z.boolean().optional(),
  capabilities: z.strictObject({ drop: z.array(z.string()) }),
  seccompProfile: z.strictObject({ type: z.string() }),
})

const resources = z.strictObject({
  requests: z.record(z.string(), z.string()),
  limits: z.record(z.string(), z.string()),
})

const container = z.strictObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  restartPolicy: z.literal('Always').optional(),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })).optional(),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  securityContext: securityContext.optional(),
  resources: resources.optional(),
  volumeMounts: z
    .array(z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }))
    .optional(),
})

const volume = z.strictObject({
  name: z.string(),
  configMap: z.strictObject({ name: z.string() }).optional(),
  secret: z.strictObject({ secretName: z.string() }).optional(),
  hostPath: z.strictObject({ path: z.string(), type: z.string() }).optional(),
})

const podSpec = z.strictObject({
  automountServiceAccountToken: z.boolean(),
  enableServiceLinks: z.boolean().optional(),
  terminationGracePeriodSeconds: z.int().optional(),
  securityContext: z
    .strictObject({ runAsNonRoot: z.boolean(), seccompProfile: z.strictObject({ type: z.string() }) })
    .optional(),
  initContainers: z.array(container).optional(),
  containers: z.array(container),
  volumes: z.array(volume),
})

const metadata = z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()).optional() })

const configMap = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('ConfigMap'),
  metadata,
  data: z.record(z.string(), z.string()),
})

const pod = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Pod'),
  metadata,
  spec: podSpec,
})

const deployment = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata,
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.strictObject({
      metadata: z.strictObject({ labels: z.record(z.string(), z.string()) }),
      spec: podSpec,
    }),
  }),
})

const kustomization = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  resources: z.array(z.string()),
  configMapGenerator: z.array(z.strictObject({ name: z.string(), files: z.array(z.string()) })),
  images: z.array(z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() })),
})

const manifest = z.discriminatedUnion('kind', [configMap, pod, deployment, kustomization])

export type Manifest = z.infer<typeof manifest>
export type PodSpec = z.infer<typeof podSpec>
export type Container = z.infer<typeof container>
export type Volume = z.infer<typeof volume>
export type Probe = z.infer<typeof probe>

/** The documents of a file below manifests/. Throws where one has a field that is not known here, or lacks one. */
export function readManifests(path: string): Manifest[] {
  const text = readFileSync(join(root, 'manifests', path), 'utf8')
  return parseAllDocuments(text, { version: '1.1' }).map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return manifest.parse(document.toJS())
  })
}

/** The one document of its kind. */
export function only<K extends Manifest['kind']>(
  manifests: readonly Manifest[],
  kind: K,
): Extract<Manifest, { kind: K }> {
  const found = manifests.filter((one): one is Extract<Manifest, { kind: K }> => one.kind === kind)
  const [first] = found
  if (first === undefined || found.length > 1) throw new Error(`${found.length} documents of kind ${kind}`)
  return first
}
