/** Reads the manifests as the API server would: several documents a file, YAML 1.1. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import * as z from 'zod'

export const root = join(import.meta.dirname, '..', '..')

const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string(), port: z.union([z.string(), z.int()]) }).optional(),
  tcpSocket: z.strictObject({ port: z.string() }).optional(),
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
  lifecycle: z
    .strictObject({
      postStart: z.strictObject({ exec: z.strictObject({ command: z.array(z.string()) }) }).optional(),
      preStop: z.strictObject({ sleep: z.strictObject({ seconds: z.int() }) }).optional(),
    })
    .optional(),
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
  emptyDir: z.strictObject({ medium: z.literal('Memory'), sizeLimit: z.string() }).optional(),
  projected: z
    .strictObject({
      sources: z.array(
        z.union([
          z.strictObject({
            serviceAccountToken: z.strictObject({
              audience: z.string(),
              expirationSeconds: z.int(),
              path: z.string(),
            }),
          }),
          z.strictObject({ secret: z.strictObject({ name: z.string() }) }),
        ]),
      ),
    })
    .optional(),
  hostPath: z.strictObject({ path: z.string(), type: z.string() }).optional(),
})

const podSpec = z.strictObject({
  serviceAccountName: z.string().optional(),
  automountServiceAccountToken: z.boolean().optional(),
  restartPolicy: z.literal('Never').optional(),
  terminationGracePeriodSeconds: z.int().optional(),
  securityContext: z.strictObject({ fsGroup: z.int() }).optional(),
  initContainers: z.array(container).optional(),
  containers: z.array(container),
  volumes: z.array(volume).optional(),
})

const stringMap = z.record(z.string(), z.string())
const metadata = z.strictObject({
  name: z.string(),
  labels: stringMap.optional(),
  annotations: stringMap.optional(),
})
const labelled = z.strictObject({ matchLabels: stringMap })
const template = z.strictObject({
  metadata: z.strictObject({ labels: stringMap, annotations: stringMap.optional() }),
  spec: podSpec,
})

const object = <A extends string, K extends string, S extends z.ZodRawShape>(
  apiVersion: A,
  kind: K,
  shape: S,
) => z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, ...shape })

const manifest = z.discriminatedUnion('kind', [
  object('v1', 'ConfigMap', { data: stringMap }),
  object('v1', 'ServiceAccount', {}),
  object('v1', 'Pod', { spec: podSpec }),
  object('apps/v1', 'Deployment', { spec: z.strictObject({ selector: labelled, template }) }),
  object('batch/v1', 'Job', { spec: z.strictObject({ backoffLimit: z.int(), template }) }),
  object('v1', 'Service', {
    spec: z.strictObject({
      selector: stringMap,
      ports: z.array(
        z.strictObject({
          name: z.string(),
          port: z.int(),
          targetPort: z.union([z.string(), z.int()]),
        }),
      ),
    }),
  }),
  object('networking.k8s.io/v1', 'NetworkPolicy', {
    spec: z.strictObject({
      podSelector: labelled,
      policyTypes: z.array(z.string()),
      ingress: z.array(
        z.strictObject({
          from: z.array(z.strictObject({ podSelector: labelled })),
          ports: z.array(z.strictObject({ port: z.int() })),
        }),
      ),
    }),
  }),
  // Of the API reference of the Prometheus Operator: the fields that are used here, and no other.
  object('monitoring.coreos.com/v1', 'PodMonitor', {
    spec: z.strictObject({
      selector: labelled,
      podMetricsEndpoints: z.array(
        z.strictObject({
          port: z.string(),
          path: z.string(),
          interval: z.string().regex(/^[0-9]+s$/),
          scrapeTimeout: z.string().regex(/^[0-9]+s$/),
        }),
      ),
    }),
  }),
])

const target = z.strictObject({
  kind: z.string(),
  labelSelector: z.string().optional(),
  name: z.string().optional(),
})

const kustomization = z.strictObject({
  apiVersion: z.enum(['kustomize.config.k8s.io/v1beta1', 'kustomize.config.k8s.io/v1alpha1']),
  kind: z.enum(['Kustomization', 'Component']),
  resources: z.array(z.string()).optional(),
  components: z.array(z.string()).optional(),
  configMapGenerator: z
    .array(
      z.strictObject({
        name: z.string(),
        behavior: z.literal('replace').optional(),
        files: z.array(z.string()),
      }),
    )
    .optional(),
  patches: z
    .array(z.strictObject({ path: z.string().optional(), patch: z.string().optional(), target }))
    .optional(),
})

/** What a component puts into the workloads that it is for; a container may have only what is added to it. */
const patch = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata,
  spec: z.strictObject({
    template: z.strictObject({
      spec: podSpec.extend({
        initContainers: z.array(container).optional(),
        containers: z.array(container.partial({ image: true })).optional(),
      }),
    }),
  }),
})

export type Manifest = z.infer<typeof manifest>
export type PodSpec = z.infer<typeof podSpec>
export type Container = z.infer<typeof container>
export type Volume = z.infer<typeof volume>
export type Probe = z.infer<typeof probe>

export function read(path: string): string {
  return readFileSync(join(root, 'manifests', path), 'utf8')
}

/** The documents of a file below manifests/. Throws where one has a field that is not known here, or lacks one. */
export function readManifests(path: string): Manifest[] {
  return parseManifests(read(path))
}

/** The same of a text, such as what kustomize built. */
export function parseManifests(text: string): Manifest[] {
  return documentsOf(text).map((document) => manifest.parse(document))
}

export function readKustomization(folder: string) {
  const [document] = documentsOf(read(`${folder}/kustomization.yaml`))
  return kustomization.parse(document)
}

/** The pod of a strategic merge patch. */
export function readPatch(path: string) {
  const [document] = documentsOf(read(path))
  return patch.parse(document).spec.template.spec
}

export function documentsOf(text: string): unknown[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS()
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
