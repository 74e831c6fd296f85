/** Workloads of each kind that the components are for, as somebody else's manifests would have them. */
export const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job'] as const

export function workload(
  kind: (typeof workloadKinds)[number],
  name: string,
  labels: Readonly<Record<string, string>>,
): object {
  const own = { app: name }
  const template = {
    metadata: { labels: own },
    spec: {
      ...(kind === 'Job' ? { restartPolicy: 'Never' } : {}),
      // Something that has to run before: the sidecar has to stand in front of it.
      initContainers: [{ name: 'migrate', image: 'registry.example/migrate:1.0.0' }],
      containers: [
        { name: 'other', image: 'registry.example/other:1.0.0' },
        { name: 'app', image: 'registry.example/app:1.0.0' },
      ],
    },
  }
  return {
    apiVersion: kind === 'Job' ? 'batch/v1' : 'apps/v1',
    kind,
    metadata: { name, labels },
    spec: {
      template,
      ...(kind === 'Job' ? {} : { selector: { matchLabels: own } }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
    },
  }
}

/** A patch to a container of theirs, which keeps the sidecar in front as docs/kubernetes.md says. */
export function ownPatch(list: 'initContainers' | 'containers', name: string): object {
  const containers = [{ name: 'sidekeep' }, { name, env: [{ name: 'OWN', value: 'set' }] }]
  return {
    target: { kind: workloadKinds.join('|'), labelSelector: 'sidekeep=true' },
    patch: JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'any' },
      spec: { template: { spec: { [list]: containers } } },
    }),
  }
}
