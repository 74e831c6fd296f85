import t from 'tap'
import { violations } from './pod-security.ts'

const restricted = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}
const pod = (change: object = {}, own: object = {}) => ({
  containers: [{ name: 'app', securityContext: { ...restricted, ...own } }],
  ...change,
})

t.test('a pod that keeps to the restricted standard is let in', async (t) => {
  t.strictSame(violations(pod({ volumes: [{ name: 'v', emptyDir: {} }] })), [])
})

t.test('what the standard asks of containers may stand with the pod, where it may', async (t) => {
  const { runAsNonRoot, seccompProfile, ...own } = restricted
  const containers = [{ name: 'app', securityContext: own }]
  t.strictSame(violations({ containers, securityContext: { runAsNonRoot, seccompProfile } }), [])
  t.strictSame(violations({ containers }), ['app: runAsNonRoot', 'app: seccompProfile'])
})

const refused: [string, object][] = [
  ['hostNetwork', pod({ hostNetwork: true })],
  ['hostPID', pod({ hostPID: true })],
  ['securityContext.sysctls', pod({ securityContext: { sysctls: [] } })],
  ['volume v: hostPath', pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] })],
  ['volume v: nfs', pod({ volumes: [{ name: 'v', nfs: {} }] })],
  ['app: privileged', pod({}, { privileged: true })],
  ['app: allowPrivilegeEscalation', pod({}, { allowPrivilegeEscalation: undefined })],
  ['app: runAsUser', pod({}, { runAsUser: 0 })],
  ['app: capabilities.drop', pod({}, { capabilities: { drop: ['NET_RAW'] } })],
  ['app: capabilities.add', pod({}, { capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } })],
  ['app: seccompProfile', pod({}, { seccompProfile: { type: 'Unconfined' } })],
  [
    'app: hostPort',
    { containers: [{ name: 'app', securityContext: restricted, ports: [{ hostPort: 80 }] }] },
  ],
]
for (const [violation, spec] of refused) {
  t.test(`${violation} is found`, async (t) => t.strictSame(violations(spec), [violation]))
}

t.test('init containers are judged like the others', async (t) => {
  t.match(violations({ ...pod(), initContainers: [{ name: 'first' }] }), ['first: allowPrivilegeEscalation'])
})
