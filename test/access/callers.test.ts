import t from 'tap'
import type { Callers } from '../../src/access/callers.ts'
import { canaryGuard } from '../support/canary.ts'
import { accessConfig, callersRig, tokenOf } from './support/callers.ts'

t.test('a token lets in the caller whose it is, with what that may do', async (t) => {
  const { callers } = await callersRig(
    t,
    accessConfig(
      {
        web: { tokens: [tokenOf('web')], allow: ['web/*', 'db-password'], rights: ['read'] },
        worker: { tokens: [tokenOf('worker')], limit: 7 },
      },
      { limit: 50 },
    ),
  )
  t.equal(callers.wants, 'token')
  const web = callers.identify(tokenOf('web'))
  t.match(web, { name: 'web', listener: '127.0.0.1:7575', limit: 50, isOver: false, mayKnowAll: false })
  t.equal(web?.has('read'), true)
  t.equal(web?.has('list'), false)
  t.strictSame(
    ['web/a', 'web/a/b', 'db-password', 'web/', 'other', 'db-password2'].map((name) => web?.mayKnow(name)),
    [true, true, true, false, false, false],
  )
  t.match(callers.identify(tokenOf('worker')), { name: 'worker', limit: 7 })
  for (const wrong of ['', 'x', tokenOf('webb'), tokenOf('web').slice(0, -1), `${tokenOf('web')} `]) {
    t.equal(callers.identify(wrong), undefined)
  }
  t.equal(callers.anyone.has('read'), false, 'without a token nobody may do anything')
  t.equal(callers.anyone.mayKnow('db-password'), false)
})

t.test('whoever came while nothing was wanted is asked again once the header is', async (t) => {
  const { callers, apply } = await callersRig(t, accessConfig(undefined, { access: 'open' }))
  const before = callers.anyone
  await apply(accessConfig(undefined, { access: 'header' }))
  t.equal(before.isOver, true)
  const after = callers.anyone
  await apply(accessConfig(undefined, { access: 'open' }))
  t.equal(after.isOver, false, 'the other way nobody has to go')
})

t.test('several tokens of a caller are good at the same time', async (t) => {
  const tokens = [tokenOf('old'), tokenOf('new')]
  const { callers } = await callersRig(t, accessConfig({ web: { tokens } }))
  for (const token of tokens) t.equal(callers.identify(token)?.name, 'web')
})

t.test('of a hundred callers with two tokens each, each token is its own', async (t) => {
  const names = Array.from({ length: 100 }, (_, at) => `caller-${at}`)
  const config = Object.fromEntries(
    names.map((name) => [name, { tokens: [tokenOf(`${name}-a`), tokenOf(`${name}-b`)] }]),
  )
  const { callers } = await callersRig(t, accessConfig(config))
  for (const name of names) {
    t.equal(callers.identify(tokenOf(`${name}-a`))?.name, name)
    t.equal(callers.identify(tokenOf(`${name}-b`))?.name, name)
  }
  t.equal(callers.identify(tokenOf('caller-100-a')), undefined)
})

t.test('without callers whoever can connect is told nothing apart', async (t) => {
  const anyone = { rights: ['read'], allow: ['worker/*'], limit: 3 } as const
  const { callers, apply } = await callersRig(t, accessConfig(undefined, { anyone }))
  t.equal(callers.wants, 'header')
  t.equal(callers.identify(tokenOf('web')), undefined)
  t.match(callers.anyone, { name: undefined, limit: 3 })
  t.equal(callers.anyone.mayKnow('worker/a'), true)
  t.equal(callers.anyone.mayKnow('web/a'), false)
  t.equal(callers.anyone.has('watch'), false)
  const before = callers.anyone
  await apply(accessConfig(undefined, { anyone, access: 'open' }))
  t.equal(callers.wants, 'nothing')
  t.equal(callers.anyone, before, 'what it may do is the same')
})

t.test(
  'a token that cannot be read, is weak, or is another caller’s lets nobody in, and is told',
  async (t) => {
    const guard = canaryGuard(t)
    const missing = `${t.testdir({})}/none`
    const weak = 'CANARY-weak-1'
    const { callers, told } = await callersRig(
      t,
      accessConfig({
        first: { tokens: [tokenOf('same')] },
        second: { tokens: [tokenOf('same'), tokenOf('own')] },
        weak: { tokens: [weak] },
        late: { tokens: [{ file: missing }] },
      }),
    )
    t.equal(callers.identify(tokenOf('same'))?.name, 'first')
    t.equal(callers.identify(tokenOf('own'))?.name, 'second')
    t.equal(callers.identify(weak), undefined)
    t.match(told, [
      {
        level: 'warn',
        details: { caller: 'second', why: /the caller "first"/ },
        message: 'a token lets nobody in',
      },
      { level: 'warn', details: { caller: 'weak', why: /sidekeep token/ } },
      { level: 'warn', details: { listener: '127.0.0.1:7575', caller: 'late', token: `file ${missing}` } },
    ])
    guard.noLeak('the log', told)
    guard.noLeak('the callers', callers)
  },
)

t.test('a token is one caller’s on all listeners together', async (t) => {
  const peers = new Set<Callers>()
  const main = await callersRig(t, accessConfig({ web: { tokens: [tokenOf('web')] } }), { peers })
  const other = await callersRig(
    t,
    accessConfig({ worker: { tokens: [tokenOf('web')] }, web: { tokens: [tokenOf('web')] } }),
    { peers, listener: 'unix:/run/worker.sock' },
  )
  t.equal(main.callers.identify(tokenOf('web'))?.name, 'web')
  t.equal(other.callers.identify(tokenOf('web'))?.name, 'web', 'the same caller may use both')
  t.match(other.told, [{ details: { caller: 'worker', listener: 'unix:/run/worker.sock' } }])
  main.callers.close()
  t.equal(peers.size, 1)
})

t.test('a changed configuration leaves those alone of whom it changes nothing', async (t) => {
  const steady = { tokens: [tokenOf('steady')], allow: ['b', 'a'], rights: ['read', 'list'] } as const
  const { callers, apply } = await callersRig(
    t,
    accessConfig({
      steady,
      changed: { tokens: [tokenOf('changed')], allow: ['a'] },
      rotated: { tokens: [tokenOf('before'), tokenOf('after')] },
      gone: { tokens: [tokenOf('gone')] },
    }),
  )
  const before = ['steady', 'changed', 'before', 'after', 'gone'].map((what) =>
    callers.identify(tokenOf(what)),
  )
  const over: string[] = []
  for (const caller of before) caller?.whenOver(() => over.push(caller.name ?? ''))
  await apply(
    accessConfig({
      steady: { ...steady, allow: ['a', 'b'], rights: ['list', 'read'] },
      changed: { tokens: [tokenOf('changed')], allow: ['b'] },
      rotated: { tokens: [tokenOf('after'), tokenOf('next')] },
      added: { tokens: [tokenOf('added')] },
    }),
  )
  const [wasSteady, wasChanged, , wasAfter] = before
  t.equal(callers.identify(tokenOf('steady')), wasSteady, 'the order of names and rights says nothing')
  t.equal(callers.identify(tokenOf('after')), wasAfter, 'its token stays where another of the caller goes')
  t.strictSame(over.toSorted(), ['changed', 'gone', 'rotated'])
  t.equal(callers.identify(tokenOf('before')), undefined)
  t.equal(callers.identify(tokenOf('gone')), undefined)
  const now = callers.identify(tokenOf('changed'))
  t.not(now, wasChanged)
  t.equal(now?.mayKnow('b'), true)
  t.equal(callers.identify(tokenOf('next'))?.name, 'rotated')
  t.equal(callers.identify(tokenOf('added'))?.name, 'added')
})

t.test('another limit holds at once, and ends nothing', async (t) => {
  const web = { tokens: [tokenOf('web')] }
  const { callers, apply } = await callersRig(t, accessConfig({ web }, { limit: 50 }))
  const before = callers.identify(tokenOf('web'))
  await apply(accessConfig({ web: { ...web, limit: 7 } }, { limit: 50 }))
  t.equal(callers.identify(tokenOf('web')), before)
  t.match(before, { limit: 7, isOver: false })
  await apply(accessConfig({ web }))
  t.equal(before?.limit, undefined)

  const anyone = { rights: ['read'], allow: ['a'], limit: 3 } as const
  await apply(accessConfig(undefined, { anyone }))
  const whoever = callers.anyone
  await apply(accessConfig(undefined, { anyone: { ...anyone, limit: 9 } }))
  t.equal(callers.anyone, whoever)
  t.match(whoever, { limit: 9, isOver: false })
})

t.test('what was prepared and given up changes nothing', async (t) => {
  const { callers, clock } = await callersRig(t, accessConfig({ web: { tokens: [tokenOf('web')] } }))
  const web = callers.identify(tokenOf('web'))
  const file = `${t.testdir({ token: tokenOf('new') })}/token`
  const prepared = await callers.prepare(accessConfig({ web: { tokens: [{ file }] } }))
  t.equal(callers.identify(tokenOf('new')), undefined)
  await prepared.abandon()
  t.equal(callers.identify(tokenOf('web')), web)
  t.equal(web?.isOver, false)
  t.equal(clock.pending, 0)
})

t.test(
  'callers that come and go end what whoever could connect was let in for, and the other way',
  async (t) => {
    const { callers, apply } = await callersRig(t, accessConfig(undefined))
    const anyone = callers.anyone
    await apply(accessConfig({ web: { tokens: [tokenOf('web')] } }))
    t.equal(anyone.isOver, true)
    t.equal(callers.wants, 'token')
    const web = callers.identify(tokenOf('web'))
    await apply(accessConfig(undefined))
    t.equal(web?.isOver, true)
    t.equal(callers.wants, 'header')
    t.equal(callers.anyone.has('read'), true)
  },
)

t.test('after the end nobody is let in, and no timer is left', async (t) => {
  const file = `${t.testdir({ token: tokenOf('web') })}/token`
  const { callers, clock } = await callersRig(t, accessConfig({ web: { tokens: [{ file }] } }))
  const web = callers.identify(tokenOf('web'))
  t.equal(web?.name, 'web')
  callers.close()
  t.equal(web?.isOver, true)
  t.equal(callers.identify(tokenOf('web')), undefined)
  t.equal(clock.pending, 0)
})
