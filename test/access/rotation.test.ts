import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import type { Callers } from '../../src/access/callers.ts'
import { canaryGuard } from '../support/canary.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { settle } from '../support/virtual-clock.ts'
import type { Rig } from './support/callers.ts'
import { accessConfig, callersRig, tokenOf } from './support/callers.ts'

/** A poll: by then a change is seen on every file system. Milliseconds. */
const poll = 10_000

interface FileRig extends Rig {
  readonly file: string
  readonly callers: Callers
}

/** One caller whose token is in a file. */
async function fileRig(t: Test, content: string | undefined): Promise<FileRig> {
  const file = join(t.testdir({}), 'web.token')
  if (content !== undefined) writeFileSync(file, content)
  const rig = await callersRig(t, accessConfig({ web: { tokens: [{ file }] } }))
  return { ...rig, file }
}

/** Lets the clock go on, a second at a time, until a look at the file has had its effect: reading it takes real time. */
async function seen(rig: Rig, what: string, isSo: () => boolean): Promise<void> {
  await eventually(what, async () => {
    await rig.clock.advance(1_000)
    await settle()
    return isSo()
  })
}

t.test('a token that is replaced in its file is good at once, and the former one ends', async (t) => {
  const guard = canaryGuard(t)
  const rig = await fileRig(t, `${tokenOf('first')}\n`)
  const { callers, file, told } = rig
  const first = callers.identify(tokenOf('first'))
  t.equal(first?.name, 'web')
  writeFileSync(`${file}.new`, `${tokenOf('second')}\n`)
  renameSync(`${file}.new`, file)
  await seen(rig, 'the second token', () => callers.identify(tokenOf('second')) !== undefined)
  t.equal(callers.identify(tokenOf('first')), undefined)
  t.equal(first?.isOver, true)
  t.match(told, [
    { level: 'info', details: { caller: 'web', token: `file ${file}` }, message: 'a token was read anew' },
  ])
  guard.noLeak('the log', told)
})

t.test('what the file system reports is looked at well before the poll', async (t) => {
  const rig = await fileRig(t, tokenOf('first'))
  await eventually('the second token', async () => {
    // Until the watch has begun nothing is reported.
    writeFileSync(rig.file, tokenOf('second'))
    await settle()
    await rig.clock.advance(1)
    return rig.callers.identify(tokenOf('second')) !== undefined
  })
  t.ok(rig.clock.now() < poll)
})

t.test('a token whose file is gone is void, and whoever it let in is told', async (t) => {
  const rig = await fileRig(t, tokenOf('web'))
  const { callers, clock, file, told } = rig
  const web = callers.identify(tokenOf('web'))
  rmSync(file)
  await seen(rig, 'the end', () => web?.isOver === true)
  t.equal(callers.identify(tokenOf('web')), undefined)
  t.match(told, [
    { level: 'warn', details: { caller: 'web', why: /ENOENT/ }, message: 'a token lets nobody in' },
  ])
  await clock.advance(poll * 3)
  await settle()
  t.equal(told.length, 1, 'it is told once')
})

t.test('a file that appears later lets its caller in from then on', async (t) => {
  const rig = await fileRig(t, undefined)
  const { callers, file, told } = rig
  t.match(told, [{ level: 'warn', details: { why: /ENOENT/ } }])
  writeFileSync(file, tokenOf('late'))
  await seen(rig, 'the token', () => callers.identify(tokenOf('late')) !== undefined)
  t.match(told.at(-1), { level: 'info', details: { caller: 'web' } })
})

t.test('a weak token in a file lets nobody in, and the next good one does', async (t) => {
  const guard = canaryGuard(t)
  const rig = await fileRig(t, tokenOf('first'))
  const { callers, file, told } = rig
  writeFileSync(file, 'CANARY-CANARY-CANARY')
  await seen(rig, 'the end', () => told.length > 0)
  t.equal(callers.identify(tokenOf('first')), undefined)
  t.equal(callers.identify('CANARY-CANARY-CANARY'), undefined)
  t.match(told, [{ level: 'warn', details: { why: /sidekeep token/ } }])
  guard.noLeak('the log', told)
  writeFileSync(file, tokenOf('second'))
  await seen(rig, 'the second token', () => callers.identify(tokenOf('second')) !== undefined)
})

t.test('a token that is written into the file of another caller stays whose it was', async (t) => {
  const folder = t.testdir({ web: tokenOf('web'), worker: tokenOf('worker') })
  const files = { web: join(folder, 'web'), worker: join(folder, 'worker') }
  const rig = await callersRig(
    t,
    accessConfig({ web: { tokens: [{ file: files.web }] }, worker: { tokens: [{ file: files.worker }] } }),
  )
  const { callers, told } = rig
  writeFileSync(files.worker, tokenOf('web'))
  await seen(rig, 'the end', () => told.length > 0)
  t.equal(callers.identify(tokenOf('web'))?.name, 'web')
  t.equal(callers.identify(tokenOf('worker')), undefined)
  t.match(told, [{ level: 'warn', details: { caller: 'worker', why: /the caller "web"/ } }])
  writeFileSync(files.web, tokenOf('next'))
  await seen(rig, 'the next token', () => callers.identify(tokenOf('next')) !== undefined)
  await seen(rig, 'what is free now', () => callers.identify(tokenOf('web'))?.name === 'worker')
})

t.test('a token is kept out of the log for as long as it is good', async (t) => {
  const folder = t.testdir({ web: tokenOf('web') })
  const held: string[] = []
  const keeper = () => ({
    hold: (label: string, token: Uint8Array) => held.push(`${label}: ${Buffer.from(token).toString()}`),
    release: (label: string) => held.push(`${label} is free`),
  })
  const { callers } = await callersRig(
    t,
    accessConfig({ web: { tokens: [{ file: join(folder, 'web') }] } }),
    {
      keeper,
    },
  )
  t.strictSame(held, [`token of web: ${tokenOf('web')}`])
  callers.close()
  t.equal(held.at(-1), 'token of web is free')
})
