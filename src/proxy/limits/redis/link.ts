import type { Cluster, Redis } from 'ioredis'
import type { RedisConfig } from '../../../config/schema.ts'
import type { Address } from './client.ts'
import { addressOf, createClient, createCluster, loadIoredis } from './client.ts'
import type { Credentials } from './credentials.ts'
import { connectionLost, misunderstood, StoreError } from './failure.ts'
import { script, scriptDigest } from './script.ts'

/** One connection to Redis, good until it is lost. */
export interface Link {
  /** Runs the script; one answer for each key. Rejects with what `failureOf` understands. */
  run(keys: readonly string[], args: readonly string[]): Promise<readonly number[]>
  close(): void
}

export interface LinkOptions {
  readonly config: RedisConfig
  readonly credentials: Credentials
  /** The connection is gone, though nobody closed it. */
  readonly lost: () => void
  /** Gives up connecting. */
  readonly signal: AbortSignal
}

/** Connects, and says who we are. Rejects with what `failureOf` understands. */
export async function openLink({ config, credentials, lost, signal }: LinkOptions): Promise<Link> {
  const ioredis = await loadIoredis()
  const address = addressOf(config.url)
  const client = config.cluster
    ? createCluster(ioredis, address, config, credentials)
    : createClient(ioredis, address, credentials.ca)
  // The event has what went wrong; what `connect` rejects with is only that it did.
  let cause: unknown
  const note = (error: unknown): void => {
    cause ??= error
  }
  client.on('error', note)
  client.on('node error', note)
  const close = (): void => {
    client.off('end', lost)
    client.disconnect()
  }
  const abort = (): void => close()
  signal.addEventListener('abort', abort)
  try {
    signal.throwIfAborted()
    await connect(client)
    if (!config.cluster) await introduce(client, address, config.username, credentials.password)
    signal.throwIfAborted()
  } catch (error) {
    close()
    throw cause ?? error
  } finally {
    signal.removeEventListener('abort', abort)
  }
  if (client.status === 'end') throw cause ?? new StoreError(connectionLost)
  client.on('end', lost)
  return { run: (keys, args) => run(client, keys, args), close }
}

/** A cluster's own promise never settles where its nodes are there, and it is not ready. */
async function connect(client: Redis | Cluster): Promise<void> {
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = (): void => reject(new StoreError(connectionLost))
  client.once('end', end)
  try {
    await Promise.race([client.connect(), ended])
  } finally {
    client.off('end', end)
  }
}

/** In one write. Where it is refused, nothing that follows would work. */
async function introduce(
  client: Redis | Cluster,
  { db }: Address,
  username: string | undefined,
  password: string | undefined,
): Promise<void> {
  const calls: Promise<unknown>[] = []
  if (password !== undefined) {
    const auth = client.call('AUTH', username === undefined ? [password] : [username, password])
    // That there is no password is no reason to refuse one.
    calls.push(auth.catch(unlessNeedless))
  }
  if (db !== 0) calls.push(client.call('SELECT', [String(db)]))
  // All are awaited, so that none rejects unheard; the first says why.
  for (const outcome of await Promise.allSettled(calls)) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}

function unlessNeedless(error: unknown): void {
  if (!(error instanceof Error) || !/without any password configured/.test(error.message)) throw error
}

async function run(
  client: Redis | Cluster,
  keys: readonly string[],
  args: readonly string[],
): Promise<readonly number[]> {
  let answers: unknown
  try {
    answers = await client.evalsha(scriptDigest, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    // It was restarted, or somebody flushed its scripts. It has changed nothing.
    answers = await client.eval(script, keys.length, ...keys, ...args)
  }
  if (isAnswers(answers, keys.length)) return answers
  throw new StoreError(misunderstood)
}

function isAnswers(answers: unknown, count: number): answers is number[] {
  return (
    Array.isArray(answers) && answers.length === count && answers.every((answer) => Number.isFinite(answer))
  )
}
