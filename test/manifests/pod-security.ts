/**
 * The restricted Pod Security Standard, and what Sidekeep's manifests promise beyond it. Takes documents as they are
 * rather than as documents.ts knows them, so that a field which nobody thought of is judged too. The rules are those of
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/ (baseline and restricted, Linux).
 */
import * as z from 'zod'

const seccompProfile = z.looseObject({ type: z.string() }).optional()

const securityContext = z
  .looseObject({
    privileged: z.boolean().optional(),
    allowPrivilegeEscalation: z.boolean().optional(),
    runAsNonRoot: z.boolean().optional(),
    runAsUser: z.int().optional(),
    procMount: z.string().optional(),
    capabilities: z
      .looseObject({ add: z.array(z.string()).optional(), drop: z.array(z.string()).optional() })
      .optional(),
    seccompProfile,
    seLinuxOptions: z.unknown(),
    appArmorProfile: z.unknown(),
    windowsOptions: z.unknown(),
  })
  .partial()

const container = z.looseObject({
  name: z.string(),
  securityContext: securityContext.optional(),
  ports: z.array(z.looseObject({ hostPort: z.int().optional() })).optional(),
})

const pod = z.looseObject({
  hostNetwork: z.boolean().optional(),
  hostPID: z.boolean().optional(),
  hostIPC: z.boolean().optional(),
  securityContext: securityContext.extend({ sysctls: z.unknown() }).partial().optional(),
  initContainers: z.array(container).optional(),
  containers: z.array(container),
  ephemeralContainers: z.array(container).optional(),
  volumes: z.array(z.record(z.string(), z.unknown())).optional(),
})

const volumeKinds = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]
const seccompTypes = ['RuntimeDefault', 'Localhost']

/** What of a pod's spec the restricted standard would not let in; nothing where it would. */
export function violations(spec: unknown): string[] {
  const { securityContext: of, ...rest } = pod.parse(spec)
  const found: string[] = []
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const) if (rest[field]) found.push(field)
  for (const field of ['sysctls', 'seLinuxOptions', 'appArmorProfile', 'windowsOptions'] as const) {
    if (of?.[field] !== undefined) found.push(`securityContext.${field}`)
  }
  if (of?.runAsUser === 0) found.push('securityContext.runAsUser')
  for (const volume of rest.volumes ?? []) {
    const kinds = Object.keys(volume).filter((key) => key !== 'name')
    if (kinds.length !== 1 || !volumeKinds.includes(kinds[0] ?? '')) {
      found.push(`volume ${String(volume.name)}: ${kinds.join(', ')}`)
    }
  }
  const containers = [rest.initContainers, rest.containers, rest.ephemeralContainers].flatMap(
    (all) => all ?? [],
  )
  for (const { name, securityContext: own, ports } of containers) {
    const wrong = (field: string) => found.push(`${name}: ${field}`)
    if (own?.privileged) wrong('privileged')
    if (own?.allowPrivilegeEscalation !== false) wrong('allowPrivilegeEscalation')
    if ((own?.runAsNonRoot ?? of?.runAsNonRoot) !== true) wrong('runAsNonRoot')
    if (own?.runAsUser === 0) wrong('runAsUser')
    if (own?.procMount !== undefined && own.procMount !== 'Default') wrong('procMount')
    if (!own?.capabilities?.drop?.includes('ALL')) wrong('capabilities.drop')
    if (own?.capabilities?.add?.some((one) => one !== 'NET_BIND_SERVICE')) wrong('capabilities.add')
    if (!seccompTypes.includes((own?.seccompProfile ?? of?.seccompProfile)?.type ?? ''))
      wrong('seccompProfile')
    for (const field of ['seLinuxOptions', 'appArmorProfile', 'windowsOptions'] as const) {
      if (own?.[field] !== undefined) wrong(field)
    }
    if (ports?.some(({ hostPort }) => (hostPort ?? 0) !== 0)) wrong('hostPort')
  }
  return found
}
