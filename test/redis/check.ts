/**
 * The limits in real Redis servers: two sidecars share one budget, and whatever happens to a server, nobody waits longer
 * than they may, and Redis is asked again when it is over.
 *
 *     node test/redis/check.ts --scratch FOLDER
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { StringSource } from '../../src/config/source.ts'
import { traceOfCanary } from '../support/canary.ts'
import { createAuthority } from '../support/certificates.ts'
import { checkArithmetic } from './arithmetic.ts'
import { Forwarder } from './forwarder.ts'
import {
  boundedTo,
  check,
  cleaners,
  cleanUp,
  codes,
  counts,
  isBack,
  outage,
  scratch,
  sidecar,
  start,
  until,
} from './outage.ts'
import type { RealRedis } from './server.ts'
import { Load, limit, redisConfig } from './sidecar.ts'

async function checkSharing(): Promise<void> {
  const redis = await start()
  await checkArithmetic(redis, 200)
  check('the script and its second writing agree', true)
  await redis.call(undefined, 'FLUSHALL')
  // A second's worth at once: what a busy machine keeps us from asking for is not lost that way.
  const limits = [limit({ rate: 2_000, burst: 2_000 })]
  // Long enough for a busy machine: here it is what is counted that matters.
  const store = redisConfig(redis.url, { timeout: 1_000 })
  const both = [await sidecar({ store, limits }), await sidecar({ store, limits })]
  const began = performance.now()
  const loads = both.map((one) => new Load(one.store, 16))
  await pause(5_000)
  await Promise.all(loads.map((load) => load.stop()))
  const seconds = (performance.now() - began) / 1_000
  const allowed = loads.map((load) => load.allowed)
  const total = allowed.reduce((a, b) => a + b)
  const budget = 2_000 + 2_000 * seconds
  const off = (100 * (total - budget)) / budget
  check(
    `two sidecars share one budget: ${allowed.join(' + ')} of ${budget.toFixed(0)}, ${off.toFixed(2)} % off`,
    Math.abs(off) <= 1 && allowed.every((one) => one > 0),
  )
  check(
    'and nothing failed meanwhile',
    both.every(({ told }) => told.failures.length === 0),
  )
  check('the budget is a key', (await keysOf(redis)) === 1)
  await pause(1_500)
  check('which is gone once nothing is owed', (await keysOf(redis)) === 0)
}

/** Without those that have expired; a probe's is there for a moment only. */
async function keysOf(redis: RealRedis, password?: string): Promise<number> {
  const keys = await redis.call(password, 'KEYS', '{shop}:*:*')
  return Array.isArray(keys) ? keys.length : -1
}

async function checkOutages(): Promise<void> {
  const redis = await start()
  const one = await sidecar({ store: boundedTo(redis.url) })
  await outage(
    'killed',
    one,
    () => redis.kill(),
    () => redis.start(),
  )
  await outage(
    'stopped',
    one,
    () => redis.signal('SIGSTOP'),
    () => redis.signal('SIGCONT'),
  )
  await outage(
    'full',
    one,
    () => redis.call(undefined, 'CONFIG', 'SET', 'maxmemory', '1mb', 'maxmemory-policy', 'noeviction'),
    () => redis.call(undefined, 'CONFIG', 'SET', 'maxmemory', '0'),
  )
  check(
    'full: the log says so',
    one.told.lines.some(({ code, remedy }) => code === 'OOM' && remedy !== undefined),
  )
  const before = one.told.failures.length
  const load = new Load(one.store, 16)
  for (let round = 0; round < 100; round += 1) {
    await redis.call(undefined, 'SCRIPT', 'FLUSH')
    await pause(5)
  }
  await load.stop()
  check(
    'flushed: scripts that are forgotten are no failure',
    one.told.failures.length === before,
    String(codes(one)),
  )
}

async function checkFailover(): Promise<void> {
  const primary = await start()
  const replica = await start('--replicaof', '127.0.0.1', String(primary.port))
  const forwarder = new Forwarder(primary.port)
  await forwarder.start()
  cleaners.push(() => forwarder.stop())
  const one = await sidecar({ store: boundedTo(`redis://127.0.0.1:${forwarder.port}`) })
  await outage(
    'failed over',
    one,
    async () => {
      await replica.call(undefined, 'REPLICAOF', 'NO', 'ONE')
      await primary.call(undefined, 'REPLICAOF', '127.0.0.1', String(replica.port))
    },
    () => {
      forwarder.target = replica.port
    },
  )
  check('failed over: the log says that it was a replica', codes(one).includes('READONLY'))
  await replica.call(undefined, 'CONFIG', 'RESETSTAT')
  await one.store.take([{ place: 0, key: 'x' }], performance.now())
  const stats = String(await replica.call(undefined, 'INFO', 'commandstats'))
  check('failed over: the new primary is asked', stats.includes('cmdstat_evalsha'))
}

/** As the documentation has them. */
const rights = ['~{shop}:*', '+evalsha', '+eval', '+time', '+mget', '+set']

async function checkPasswords(): Promise<void> {
  const redis = await start('--requirepass', 'CANARY-admin')
  const admin = (name: string, ...args: string[]): Promise<unknown> =>
    redis.call('CANARY-admin', name, ...args)
  await admin('ACL', 'SETUSER', 'limits', 'on', '>CANARY-first', ...rights, '+select')
  const store = boundedTo(`${redis.url}/1`, { username: 'limits', password: { secret: 'redis' } })
  const one = await sidecar({ store }, { redis: 'CANARY-first' })
  const take = (): unknown => one.store.take([{ place: 0, key: 'x' }], performance.now())
  await take()
  check(
    'a user with the rights of the documentation can do all',
    one.told.lines.length === 0,
    String(codes(one)),
  )
  await outage(
    'rotated',
    one,
    async () => {
      await admin('ACL', 'SETUSER', 'limits', 'resetpass', '>CANARY-second')
      await admin('CLIENT', 'KILL', 'USER', 'limits')
    },
    () => one.values.set('redis', 'CANARY-second'),
  )
  check('rotated: the log says that the password is wrong', codes(one).includes('WRONGPASS'))
  const plain = await sidecar(
    { store: boundedTo(redis.url, { password: { secret: 'redis' } }) },
    { redis: 'CANARY-admin' },
  )
  check('the password of the default user is enough', plain.told.lines.length === 0, String(codes(plain)))
  await admin('CONFIG', 'SET', 'requirepass', 'CANARY-other')
  await admin('CLIENT', 'KILL', 'USER', 'default', 'SKIPME', 'yes')
  check('requirepass: a new one is noticed', await until(() => codes(plain).includes('WRONGPASS')))
  plain.values.set('redis', 'CANARY-other')
  check('requirepass: and used when it is there', await until(() => isBack(plain)))
  const log = JSON.stringify([one.told.lines, plain.told.lines])
  check('no password is in the log', traceOfCanary(log) === undefined)
}

async function checkTls(): Promise<void> {
  const authority = createAuthority()
  const { cert, key } = authority.issue()
  const files = {
    ca: join(scratch, 'ca.crt'),
    cert: join(scratch, 'redis.crt'),
    key: join(scratch, 'redis.key'),
  }
  writeFileSync(files.ca, authority.ca)
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key, { mode: 0o600 })
  const tls = ['--tls-cert-file', files.cert, '--tls-key-file', files.key, '--tls-ca-cert-file', files.ca]
  const redis = await start('--tls-port', '{PORT}', '--tls-auth-clients', 'no', ...tls)
  const url = `rediss://127.0.0.1:${redis.port}`
  const one = await sidecar({ store: boundedTo(url, { ca: new StringSource({ file: files.ca }, 'text') }) })
  check('TLS: with the authority it works', one.told.lines.length === 0, String(codes(one)))
  await outage(
    'TLS, killed',
    one,
    () => redis.kill(),
    () => redis.start(),
  )
  const strange = await sidecar({ store: boundedTo(url) })
  check(
    'TLS: without it nobody connects',
    strange.told.lines.some(({ remedy }) => /ca/.test(String(remedy))),
  )
}

async function checkCluster(): Promise<void> {
  // One that has met no other does not know its own address.
  const own = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
  const user = ['--user', 'limits', 'on', '>CANARY-limits', ...rights, '+cluster']
  const redis = await start(...own, '--requirepass', 'CANARY-cluster', ...user)
  const admin = (name: string, ...args: string[]): Promise<unknown> =>
    redis.call('CANARY-cluster', name, ...args)
  await admin('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  const state = async (): Promise<string> => String(await admin('CLUSTER', 'INFO'))
  while (!(await state()).includes('cluster_state:ok')) await pause(50)
  const password = { secret: 'redis' }
  const store = boundedTo(redis.url, { cluster: true, username: 'limits', password })
  const one = await sidecar({ store }, { redis: 'CANARY-limits' })
  check('cluster: it connects', one.told.lines.length === 0, String(codes(one)))
  const limits = [limit(), limit({ name: 'second' }), limit({ name: 'third' })]
  const three = await sidecar({ store, limits }, { redis: 'CANARY-limits' })
  const demands = limits.map((_, place) => ({ place, key: `client-${place}` }))
  await three.store.take(demands, performance.now())
  check('cluster: all keys of a request lie in one slot', three.told.lines.length === 0, String(codes(three)))
  check('cluster: and are there', (await keysOf(redis, 'CANARY-cluster')) === 3)
  await outage(
    'cluster, killed',
    one,
    () => redis.kill(),
    () => redis.start(),
  )
  await outage(
    'cluster, stopped',
    one,
    () => redis.signal('SIGSTOP'),
    () => redis.signal('SIGCONT'),
  )
}

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => void cleanUp().finally(() => process.exit(1)))
}

try {
  for (const part of [checkSharing, checkOutages, checkFailover, checkPasswords, checkTls, checkCluster]) {
    await part()
    await cleanUp()
  }
} catch (error) {
  check('the check runs to its end', false, error instanceof Error ? (error.stack ?? '') : String(error))
} finally {
  await cleanUp()
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 ? 0 : 1
