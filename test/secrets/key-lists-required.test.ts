/** What is required of lists of keys: it goes before the rest, and nothing that is not required has readiness go without it. */
import t from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import { Rules } from '../../src/secrets/rules.ts'
import type { KeyAnswer, NamingBackend as Naming } from '../support/heart-backend.ts'
import {
  denied,
  fetched,
  KeyBackend,
  ListBackend,
  missing,
  NamingBackend,
  unavailable,
} from '../support/heart-backend.ts'
import type { Rig } from '../support/heart-rig.ts'
import { createRig, day, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { LeaseBackend } from '../support/lease-backend.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}/${at}`)

const after = (clock: VirtualClock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.setTimer(resolve, ms))

/** `o/*` is optional, `r/*` required. */
const both = [ruleOf('o/*'), ruleOf('r/*', { required: true })]

function apply({ cache, refresher, sources }: Rig, rules: readonly Rule[]): void {
  const next = new Rules(rules)
  cache.apply({ rules: next, maxEntries: 1_000, maxBytes: 1e8, missingTtlMs: second })
  refresher.apply({ rules: next, sources })
}

t.test('a list that is full of others first has what is required fetched all the same', async (t) => {
  const clock = new VirtualClock()
  const names = [...numbered('o', 20), 'r/1', 'r/2', 'r/1']
  const backend = new NamingBackend(clock, () => names)
  const { cache, refresher, see, events } = createRig(t, { rules: both, backend, clock, maxEntries: 10 })
  refresher.start()
  await clock.advance(5 * second)
  t.same(backend.keys.slice(0, 2), ['r/1', 'r/2'])
  t.same(['r/1', 'r/2'].map(see), ['fresh CANARY-r/1', 'fresh CANARY-r/2'])
  t.ok(cache.required.loadedOnce)
  t.equal(cache.stats().entries, 10, 'the rest of the room is for the others')
  t.match(events.of('discovered'), [{ loaded: 10, failed: 0, hasMore: true }])
})

t.test('a name that two keys of a list stand for takes one place', async (t) => {
  const clock = new VirtualClock()
  const backend = new NamingBackend(clock, () => ['r/1', 'r/1', 'r/1', 'r/2', 'r/3'])
  const { refresher, see, events } = createRig(t, { rules: both, backend, clock, maxEntries: 3 })
  refresher.start()
  await clock.advance(second)
  t.same(['r/1', 'r/2', 'r/3'].map(see), ['fresh CANARY-r/1', 'fresh CANARY-r/2', 'fresh CANARY-r/3'])
  t.match(events.of('discovered'), [{ loaded: 3, failed: 0, hasMore: false }])
})

t.test('what is required and failed once does not lose its place to others', async (t) => {
  const clock = new VirtualClock()
  let isDown = true
  const answer = (key: string): KeyAnswer =>
    key === 'r/1' && isDown ? unavailable() : fetched(`CANARY-${key}`)
  const backend = new NamingBackend(clock, () => ['r/1', ...numbered('o', 3)], answer)
  let changed: (key?: string) => void = () => {}
  const watch = (report: (key?: string) => void, signal: AbortSignal) => {
    changed = report
    return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }
  const { cache, refresher, see } = createRig(t, {
    rules: both,
    backend: Object.assign(backend, { watch }),
    clock,
    maxEntries: 4,
    limits: { maxConcurrentCalls: 2 },
  })
  refresher.start()
  await clock.advance(10)
  // Readers and reports take all the room that there is.
  for (const name of ['o/7', 'o/8', 'o/9']) await Promise.all([refresher.demand(name, 1), clock.advance(1)])
  for (const key of ['o/4', 'o/5', 'o/6']) changed(key)
  await clock.advance(20 * second)
  t.notOk(cache.required.loadedOnce)
  isDown = false
  await clock.advance(30 * second)
  t.equal(see('r/1'), 'fresh CANARY-r/1')
  t.ok(cache.required.loadedOnce)
  t.equal(cache.stats().entries, 4)
})

t.test('before it is ready, what is held and not required makes room for what is', async (t) => {
  const clock = new VirtualClock()
  const backend: Naming = new NamingBackend(clock, () => numbered('o', 10))
  const later = new NamingBackend(clock, async () => {
    await after(clock, 2 * second)
    return numbered('r', 6)
  })
  const rules = [ruleOf('o/*'), ruleOf('r/*', { provider: 'q', required: true })]
  const backends = new Map<string, Provider>([
    ['p', backend],
    ['q', later],
  ])
  const { cache, refresher, see } = createRig(t, { rules, backend: backends, clock, maxEntries: 4 })
  refresher.start()
  await clock.advance(second)
  t.equal(cache.stats().entries, 4)
  t.notOk(cache.required.loadedOnce)
  await clock.advance(5 * second)
  t.same(
    cache.statuses().map(({ name }) => name),
    ['r/0', 'r/1', 'r/2', 'r/3'],
    'as many as there are places',
  )
  t.ok(cache.required.loadedOnce, 'for the rest there is no room')
  later.names = () => numbered('r', 8)
  await clock.advance(5 * minute)
  t.same(
    numbered('r', 4).map(see),
    numbered('r', 4).map((name) => `fresh CANARY-${name}`),
  )
  t.equal(later.callsFor('r/7'), 0)
})

t.test('required values that are larger than there is room for hold nothing up for ever', async (t) => {
  const clock = new VirtualClock()
  const answer = (key: string): KeyAnswer => fetched(`CANARY-${key}`.padEnd(60_000, '.'))
  const backend = new NamingBackend(clock, () => numbered('r', 40), answer)
  const { cache, refresher, events } = createRig(t, { rules: both, backend, clock, maxBytes: 256 * 1024 })
  refresher.start()
  await clock.advance(10 * second)
  t.ok(cache.required.loadedOnce)
  t.ok(backend.keys.length < 20, `${backend.keys.length} calls`)
  t.match(events.of('discovered'), [{ hasMore: true }])
})

t.test('calls for what another provider lists take no place of what is required', async (t) => {
  const clock = new VirtualClock()
  const slow = new NamingBackend(
    clock,
    () => numbered('o', 4),
    async () => {
      await after(clock, 2 * second)
      return denied()
    },
  )
  const backend = new NamingBackend(clock, async () => {
    await after(clock, 500)
    return ['r/1']
  })
  const rules = [ruleOf('o/*', { provider: 'q' }), ruleOf('r/*', { required: true })]
  const backends = new Map<string, Provider>([
    ['p', backend],
    ['q', slow],
  ])
  const { cache, refresher, see } = createRig(t, { rules, backend: backends, clock, maxEntries: 4 })
  refresher.start()
  await clock.advance(second)
  t.equal(slow.keys.length, 4)
  t.equal(see('r/1'), 'fresh CANARY-r/1', 'it is not waited for them')
  t.ok(cache.required.loadedOnce)
})

for (const required of [false, true]) {
  t.test(`places that other calls took and leave are taken, ${required ? '' : 'not '}required`, async (t) => {
    const clock = new VirtualClock()
    const ends: (() => void)[] = []
    const slow = new NamingBackend(
      clock,
      () => numbered('s', 4),
      () => new Promise((resolve) => ends.push(() => resolve(missing()))),
    )
    const backend = new NamingBackend(clock, async () => {
      await after(clock, 500)
      return ['r/1', 'r/2']
    })
    const more = { required, refreshMs: hour, maxStaleMs: day }
    const rules = [ruleOf('s/*', { provider: 'q', ...more }), ruleOf('r/*', more)]
    const backends = new Map<string, Provider>([
      ['p', backend],
      ['q', slow],
    ])
    const { cache, refresher, see } = createRig(t, { rules, backend: backends, clock, maxEntries: 4 })
    refresher.start()
    const all = refresher.refreshAll()
    await clock.advance(second)
    t.same(backend.keys, [], 'there is no room beside them')
    t.equal(cache.required.loadedOnce, !required)
    for (const end of ends) end()
    await settle()
    await clock.advance(second)
    t.same(['r/1', 'r/2'].map(see), ['fresh CANARY-r/1', 'fresh CANARY-r/2'])
    t.ok(cache.required.loadedOnce)
    t.equal((await all).length, 6, 'whoever waits for them is told of them')
  })
}

const lasting = { refreshMs: hour, maxStaleMs: day }
const narrowing: readonly [string, (clock: VirtualClock) => Provider & { readonly calls: unknown[] }][] = [
  ['of keys', (clock) => new NamingBackend(clock, () => ['r/1'])],
  ['with values', (clock) => new ListBackend(clock, () => new Map([['r/1', fetched('CANARY-r/1')]]))],
]
for (const [kind, backendOf] of narrowing) {
  t.test(`fewer patterns before it is ready do not hold that up: a list ${kind}`, async (t) => {
    const clock = new VirtualClock()
    let isUp = false
    const other = new KeyBackend(clock, () => (isUp ? fetched('CANARY-s') : unavailable()))
    const required = [
      ruleOf('r/*', { required: true, ...lasting }),
      ruleOf('s', { provider: 'q', required: true }),
    ]
    const backend = backendOf(clock)
    const backends = new Map<string, Provider>([
      ['p', backend],
      ['q', other],
    ])
    const rules = [...required, ruleOf('o/*', lasting)]
    const rig = createRig(t, { rules, backend: backends, clock })
    rig.refresher.start()
    await clock.advance(second)
    apply(rig, required)
    isUp = true
    await clock.advance(2 * minute)
    t.ok(rig.cache.required.loadedOnce)
    t.ok(backend.calls.length <= 3, `${backend.calls.length} calls`)
  })
}

t.test(
  'a configuration that changes does not have a list that fails asked for ahead of its time',
  async (t) => {
    const clock = new VirtualClock()
    const backend = new NamingBackend(clock, () => ['r/1'])
    const rig = createRig(t, { rules: [...both, ruleOf('u/*')], backend, clock })
    rig.refresher.start()
    await clock.advance(second)
    backend.names = () => denied()
    apply(rig, both)
    await clock.advance(minute)
    const { lists } = backend
    for (let at = 0; at < 50; at += 1) apply(rig, both)
    await clock.advance(0)
    t.equal(backend.lists, lists)
  },
)

t.test(
  'a name that comes to a key whose lease is being renewed is fetched, and holds up no other',
  async (t) => {
    const clock = new VirtualClock()
    const leases = new LeaseBackend(clock, { durationMs: hour, renewable: true })
    let names: string[] = []
    let renewals = 0
    const backend: Provider = {
      fetch: (keys) => leases.fetch(keys),
      listKeys: async () => names,
      renew: async (key, lease) => {
        renewals += 1
        names = ['k', ...numbered('k', 20)]
        await after(clock, 5 * second)
        return leases.renew(key, lease)
      },
    }
    const rules = [
      ruleOf('d', { key: 'k' }),
      ruleOf('x/*', { key: '*', refreshMs: second, maxStaleMs: hour }),
    ]
    const { refresher, see, events } = createRig(t, { clock, backend, rules })
    refresher.start()
    while (renewals === 0) await clock.advance(second)
    await clock.advance(2 * second)
    t.equal(see('x/k'), 'undiscovered', 'its key is asked for already')
    const demanded = refresher.demand('x/k', 10 * second)
    await clock.advance(5 * second)
    t.match(await demanded, { kind: 'held' })
    t.match(see('x/k'), /^fresh CANARY-k/)
    t.same(
      numbered('x/k', 20).filter((name) => !see(name).startsWith('fresh')),
      [],
    )
    t.same(events.of('failed'), [])
  },
)
