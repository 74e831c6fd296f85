/** What the parts of the check share: what is counted, what is cleaned up, and what is needed. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { RealRedis } from '../redis/server.ts'
import { Program } from '../rolling/program.ts'
import { Sidecar, type SidecarOptions } from './sidecar.ts'

const { values } = parseArgs({ options: { bundle: { type: 'string' }, scratch: { type: 'string' } } })
export const { bundle, scratch } = z.object({ bundle: z.string(), scratch: z.string() }).parse(values)

export const counts = { passed: 0, failed: 0 }
export const cleaners: (() => unknown)[] = []

export function check(what: string, isSo: boolean, detail = ''): void {
  if (isSo) counts.passed += 1
  else counts.failed += 1
  console.log(`${isSo ? 'ok' : 'not ok'} - ${what}${isSo || detail === '' ? '' : `: ${detail}`}`)
}

export async function startApplication(): Promise<number> {
  const application = new Program(process.execPath, [join(import.meta.dirname, 'application.ts')])
  cleaners.push(() => application.kill())
  return Number(await application.says('the application', /listening on (\d+)/))
}

export async function startRedis(...args: string[]): Promise<RealRedis> {
  const redis = await RealRedis.start(scratch, ...args)
  cleaners.push(() => redis.kill())
  return redis
}

/** @param isReady whether to wait until the proxy is open */
export async function startSidecar(
  options: Omit<SidecarOptions, 'bundle' | 'folder'>,
  isReady = true,
): Promise<Sidecar> {
  const sidecar = new Sidecar({ bundle, folder: scratch, ...options })
  cleaners.push(() => sidecar.kill())
  await sidecar.opens()
  if (isReady) await sidecar.getsReady()
  return sidecar
}

export async function cleanUp(): Promise<void> {
  for (const clean of cleaners.splice(0).reverse()) await clean()
}
