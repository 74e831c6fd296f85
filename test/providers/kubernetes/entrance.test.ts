import t from 'tap'
import type { Access, Entrance } from '../../../src/providers/kubernetes/access/access.ts'
import { LateEntrance } from '../../../src/providers/kubernetes/access/entrance.ts'
import { signal } from '../conformance.ts'

const access: Access = {
  endpoint: {
    origin: 'https://127.0.0.1:1',
    basePath: '',
    option: 'kubeconfig',
    ca: undefined,
    certificate: undefined,
    key: undefined,
  },
  namespace: 'app',
  token: undefined,
  credential: undefined,
}

const entrance: Entrance = { patience: 0, access: async () => access, refused: () => false, close: () => {} }

t.test('code that could not be loaded is loaded again by the next request, and then once', async (t) => {
  let loads = 0
  const late = new LateEntrance(async () => {
    loads++
    if (loads === 1) throw new Error('EMFILE')
    return entrance
  })
  const first = await Promise.allSettled([late.access(signal()), late.access(signal())])
  t.match(
    first.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  t.equal(loads, 1)
  t.equal(await late.access(signal()), access)
  t.equal(await late.access(signal()), access)
  t.equal(loads, 2)
})
