import { readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Access } from '../../../src/access/access.ts'
import { anyone } from '../../../src/access/anyone.ts'
import { Caller } from '../../../src/access/caller.ts'
import type { Write } from '../../../src/audit/file.ts'
import { AuditTrail } from '../../../src/audit/trail.ts'
import { breath } from '../../../src/audit/writer.ts'
import { anyOf } from '../../../src/secrets/glob.ts'
import { traceOfCanary } from '../../support/canary.ts'
import { Gate } from '../../support/gate.ts'
import { folderOf } from '../../support/process-sidecar.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import type { World, WorldOptions } from './world.ts'
import { createWorld } from './world.ts'

/** A line of the audit, as a machine reads it. */
export type AuditLine = Readonly<Record<string, string | number | null>>

export const webToken = 'CANARY-token-of-web'

/** A listener with one caller, `web`, who may read what is called `db-*` and more. */
export const forWeb: Access = {
  wants: 'token',
  identify: (token) => (token === webToken ? web : undefined),
  anyone: anyone('test'),
}

const web = new Caller({
  name: 'web',
  listener: 'test',
  rights: ['read', 'list'],
  allows: anyOf(['db-*', 'no-*']),
  limit: undefined,
})

/** The file system between the audit and its file, which a test makes full or slow. */
export class Disk {
  /** How many further bytes there is room for. */
  room = Number.POSITIVE_INFINITY
  readonly #gate = new Gate()

  /** Until the returned function is called, nothing is written. */
  hold(): () => void {
    return this.#gate.hold()
  }

  readonly write: Write = async (fd, buffer, offset) => {
    await this.#gate.pass()
    if (this.room <= 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    const taken = writeSync(fd, buffer, offset, Math.min(this.room, buffer.length - offset))
    this.room -= taken
    return taken
  }
}

export interface AuditedWorld {
  readonly world: World
  readonly trail: AuditTrail
  readonly path: string
  readonly disk: Disk
  /** That of the audit alone: what waits in the rest of the world does not move with it. */
  readonly clock: VirtualClock
  /** What has come of the lines. */
  readonly counts: { written: number; lost: number; withheld: number; failures: number; recoveries: number }
  /** The lines so far, once there are so many. */
  lines(count: number): Promise<AuditLine[]>
}

/** A world whose api listener writes an audit, to a real file. No line of it may carry a value. */
export async function createAuditedWorld(
  t: Test,
  { onFailure = 'serve', ...options }: WorldOptions & { readonly onFailure?: 'serve' | 'refuse' } = {},
): Promise<AuditedWorld> {
  const path = join(folderOf(t), 'audit.log')
  const clock = new VirtualClock()
  const disk = new Disk()
  const counts = { written: 0, lost: 0, withheld: 0, failures: 0, recoveries: 0 }
  const trail = new AuditTrail({
    clock,
    write: disk.write,
    output: { write: () => t.fail('nothing goes to the log') },
    observer: {
      written: (lines) => {
        counts.written += lines
      },
      lost: (lines) => {
        counts.lost += lines
      },
      failed: () => {
        counts.failures += 1
      },
      recovered: () => {
        counts.recoveries += 1
      },
      withheld: () => {
        counts.withheld += 1
      },
      stuckBehind: () => t.fail('the file can be opened'),
    },
  })
  const opened = await trail.prepare({ file: path, stdout: false, onFailure })
  opened.commit()
  const text = (): string => readFileSync(path, 'utf8')
  t.teardown(async () => {
    await trail.close()
    const trace = traceOfCanary(text())
    if (trace !== undefined) throw new Error(`A secret's value leaked into the audit (${trace}).`)
  })
  const world = await createWorld(t, { ...options, deps: { ...options.deps, audit: trail } })
  return {
    world,
    trail,
    path,
    disk,
    clock,
    counts,
    async lines(count) {
      while (text().split('\n').length - 1 < count) await clock.advance(breath)
      return text()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as AuditLine)
    },
  }
}
