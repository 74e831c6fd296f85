/** Prints how many of the tokens in a folder let somebody in, and how many still do after a second look at each. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { settle } from '../../support/virtual-clock.ts'
import { accessConfig, callersRig, tokenOf } from './callers.ts'

const folder = process.argv[2] ?? ''
const names = readdirSync(folder)
const callers = Object.fromEntries(names.map((name) => [name, { tokens: [{ file: join(folder, name) }] }]))
const ends: (() => unknown)[] = []
const rig = await callersRig({ teardown: (end) => ends.push(end) }, accessConfig(callers))
const letIn = (): number => names.filter((name) => rig.callers.identify(tokenOf(name))?.name === name).length
const atFirst = letIn()
// A poll, at which all are looked at together, and the second looks that it may lead to.
for (const ms of [10_000, 2_000]) {
  await rig.clock.advance(ms)
  for (let turn = 0; turn < 200; turn += 1) await settle()
}
process.stdout.write(`${atFirst} ${letIn()}`)
for (const end of ends) end()
