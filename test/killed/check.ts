/**
 * Kills a process that publishes files before each system call of its that writes, as `kill -9` would, and looks at what
 * is left: `--scratch FOLDER`. Needs strace.
 */
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import type { Content } from '../../src/files/content.ts'
import { publish } from '../../src/files/writer/publish.ts'
import { expected, leftovers, seen, seenThroughLinks } from '../support/writer-look.ts'
import { fresh, old, ownershipOf } from './contents.ts'
import { type Call, callsOf, traced } from './trace.ts'

const { values } = parseArgs({ options: { scratch: { type: 'string', default: '' } } })
const atOnce = 3
/** One that nobody is in; only root may give files to it. */
const group = process.getuid?.() === 0 ? '54321' : ''
const ownership = ownershipOf(group)
const plain = ownershipOf('')

interface Place {
  readonly around: string
  readonly file: string
  readonly folder: string
}

async function prepare(name: string): Promise<Place> {
  const around = join(values.scratch, name)
  mkdirSync(around)
  const place = { around, file: join(around, 'file'), folder: join(around, 'folder') }
  await publish(place.file, old.file, plain)
  await publish(place.folder, old.folder, plain)
  return place
}

const run = ({ file, folder }: Place, options: readonly string[]) => traced(options, [file, folder, group])

/** @returns whether the old was found, or the new */
function judge(path: string, kind: Content['kind'], label: string): 'old' | 'new' {
  const found = seen(path, kind)
  const isNew = isDeepStrictEqual(found, expected(fresh[kind], ownership.mode))
  if (!isNew && !isDeepStrictEqual(found, expected(old[kind], plain.mode))) {
    throw new Error(`${label}: ${kind} is neither old nor new: ${Object.keys(found ?? {})}`)
  }
  const gid = statSync(kind === 'file' ? path : join(path, '..data', 'db', 'c')).gid
  if (group !== '' && isNew !== (gid === Number(group)))
    throw new Error(`${label}: ${kind} is of the group ${gid}`)
  return isNew ? 'new' : 'old'
}

async function kill({ name, nth }: Call, at: number): Promise<string> {
  const label = `killed before ${name} ${nth}`
  const place = await prepare(`kill-${at}`)
  const { signal } = await run(place, ['-e', `trace=${name}`, '-e', `inject=${name}:signal=KILL:when=${nth}`])
  if (signal !== 'SIGKILL') throw new Error(`${label}: it was not killed`)
  const [file, folder] = [judge(place.file, 'file', label), judge(place.folder, 'folder', label)]
  for (const [name, content] of Object.entries(seenThroughLinks(place.folder))) {
    if (content !== seen(place.folder, 'folder')?.[name])
      throw new Error(`${label}: ${name} is of another set`)
  }
  const left = [
    leftovers(place.around, place.folder, 'folder'),
    leftovers(place.around, place.file, 'file'),
  ].flat()

  await publish(place.file, fresh.file, ownership)
  await publish(place.folder, fresh.folder, ownership)
  const after = [judge(place.file, 'file', label), judge(place.folder, 'folder', label)].join()
  if (after !== 'new,new') throw new Error(`${label}: the next run did not bring the new`)
  const stays = [
    ...leftovers(place.around, place.folder, 'folder'),
    ...leftovers(place.around, place.file, 'file'),
  ]
  if (stays.length > 0) throw new Error(`${label}: ${stays} stays after the next run`)
  rmSync(place.around, { recursive: true })
  return `${file} file, ${folder} folder, ${left.length > 0 ? 'leftovers' : 'tidy'}`
}

async function main(): Promise<void> {
  const place = await prepare('unkilled')
  const log = join(values.scratch, 'trace')
  const { code } = await run(place, ['-y', '-o', log])
  if (code !== 0) throw new Error(`it ended with ${code} under strace`)
  if (
    [judge(place.file, 'file', 'unkilled'), judge(place.folder, 'folder', 'unkilled')].join() !== 'new,new'
  ) {
    throw new Error('it published nothing')
  }
  const calls = callsOf(readFileSync(log, 'utf8'), values.scratch)
  const outcomes = new Map<string, number>()
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < calls.length; at = next++) {
      const call = calls[at]
      if (call === undefined) return
      const outcome = await kill(call, at)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  const kinds = [...new Set(calls.map(({ name }) => name))].sort()
  console.log(`${calls.length} system calls that write (${kinds.join(', ')}), killed before each:`)
  for (const [outcome, count] of [...outcomes].sort()) console.log(`  ${count} times ${outcome}`)
}

await main()
