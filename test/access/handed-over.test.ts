import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Callers } from '../../src/access/callers.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'
import { accessConfig, callersRig, tokenOf } from './support/callers.ts'

/** Lets what reads files go on, while the clock stands still. */
async function atOnce(what: string, isSo: () => boolean): Promise<void> {
  await eventually(what, async () => {
    await settle()
    return isSo()
  })
}

t.test('a token that passes to a caller of another listener in one change is good at once', async (t) => {
  const [clock, peers] = [new VirtualClock(), new Set<Callers>()]
  const giving = await callersRig(t, accessConfig({ web: { tokens: [tokenOf('shared')] } }), { clock, peers })
  const taking = await callersRig(t, accessConfig({ worker: { tokens: [tokenOf('own')] } }), { clock, peers })
  // The configuration has no order in which its listeners change.
  await taking.apply(accessConfig({ worker: { tokens: [tokenOf('own'), tokenOf('shared')] } }))
  t.equal(taking.callers.identify(tokenOf('shared')), undefined)
  t.match(taking.told, [{ level: 'warn', details: { caller: 'worker', why: /the caller "web"/ } }])
  await giving.apply(accessConfig({ web: { tokens: [tokenOf('next')] } }))
  await atOnce('whose it is now', () => taking.callers.identify(tokenOf('shared'))?.name === 'worker')
  t.equal(giving.callers.identify(tokenOf('shared')), undefined)
})

t.test('a listener that closes leaves its tokens to others at once', async (t) => {
  const [clock, peers] = [new VirtualClock(), new Set<Callers>()]
  const giving = await callersRig(t, accessConfig({ web: { tokens: [tokenOf('shared')] } }), { clock, peers })
  const taking = await callersRig(t, accessConfig({ worker: { tokens: [tokenOf('shared')] } }), {
    clock,
    peers,
  })
  t.equal(taking.callers.identify(tokenOf('shared')), undefined)
  giving.callers.close()
  await atOnce('whose it is now', () => taking.callers.identify(tokenOf('shared'))?.name === 'worker')
})

t.test('a change reads the tokens that stay, so that one may pass on with it', async (t) => {
  const folder = t.testdir({ web: tokenOf('first') })
  const [web, worker] = [join(folder, 'web'), join(folder, 'worker')]
  const { callers, apply } = await callersRig(t, accessConfig({ web: { tokens: [{ file: web }] } }))
  writeFileSync(worker, tokenOf('first'))
  writeFileSync(web, tokenOf('second'))
  await apply(accessConfig({ web: { tokens: [{ file: web }] }, worker: { tokens: [{ file: worker }] } }))
  await atOnce('the new owner', () => callers.identify(tokenOf('first'))?.name === 'worker')
  t.equal(callers.identify(tokenOf('second'))?.name, 'web')
})

t.test('two callers may exchange their tokens', async (t) => {
  const folder = t.testdir({ a: tokenOf('one'), b: tokenOf('two') })
  const [a, b] = [join(folder, 'a'), join(folder, 'b')]
  const config = accessConfig({ a: { tokens: [{ file: a }] }, b: { tokens: [{ file: b }] } })
  const { callers, clock, apply } = await callersRig(t, config)
  writeFileSync(a, tokenOf('two'))
  writeFileSync(b, tokenOf('one'))
  await apply(config)
  // Neither may be in the middle of being written for ever: both wait for the second look.
  await eventually('the second look', async () => {
    await settle()
    return clock.pending >= 4
  })
  await clock.advance(2_000)
  await atOnce('both', () => {
    const names = [tokenOf('one'), tokenOf('two')].map((token) => callers.identify(token)?.name)
    return names.join() === 'b,a'
  })
  t.equal(clock.now(), 2_000)
})
