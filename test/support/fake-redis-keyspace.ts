import { hash } from 'node:crypto'

interface Value {
  readonly text: string
  /** Microseconds since the epoch. */
  readonly expiresAt: bigint
}

/** 2026-01-01. */
const epoch = 1_767_225_600_000_000n
const ticksPerMicro = 8n

/** The keys of a fake Redis, and what the script of the limits does to them. */
export class Keyspace {
  readonly #values = new Map<string, Value>()
  readonly #micros: () => bigint

  constructor(micros: () => bigint) {
    this.#micros = micros
  }

  static digestOf(script: string): string {
    return hash('sha1', Buffer.from(script, 'latin1'))
  }

  get(key: string): string | undefined {
    const value = this.#values.get(key)
    return value === undefined || value.expiresAt <= this.#micros() ? undefined : value.text
  }

  set(key: string, text: string, expiresAt = 2n ** 62n): void {
    this.#values.set(key, { text, expiresAt })
  }

  keys(): string[] {
    return [...this.#values.keys()].filter((key) => this.get(key) !== undefined)
  }

  /** Milliseconds until a key expires. */
  ttl(key: string): number {
    return Number((this.#values.get(key)?.expiresAt ?? 0n) - this.#micros()) / 1_000
  }

  /** @throws where the arguments are not what the script takes */
  run(keys: readonly string[], args: readonly string[]): bigint[] {
    if (keys.length === 0 || args.length !== 3 * keys.length)
      throw new Error('three arguments a key are wanted')
    if (new Set(keys.map(tagOf)).size !== 1)
      throw new Error("CROSSSLOT Keys in request don't hash to the same slot")
    if (!args.every((arg) => /^(?:0|[1-9][0-9]*)$/.test(arg)))
      throw new Error('an argument is no whole number')
    const now = (this.#micros() - epoch) * ticksPerMicro
    const answers: bigint[] = []
    let request: { key: string; next: bigint; refuses: boolean }[] = []
    for (const [at, key] of keys.entries()) {
      const [interval = 0n, burst = 0n, kind = 0n] = args.slice(3 * at, 3 * at + 3).map(BigInt)
      const tat = this.#tatOf(key, now, interval * burst)
      const isAllowed = tat + interval <= now + interval * burst
      answers.push(isAllowed ? tat + interval - now : now - tat)
      request.push({ key, next: isAllowed ? tat + interval : 0n, refuses: !isAllowed && kind % 2n === 0n })
      if (kind < 2n) continue
      if (!request.some(({ refuses }) => refuses)) {
        for (const { key, next } of request) if (next > 0n) this.#owe(key, next, now)
      }
      request = []
    }
    if (request.length > 0) throw new Error('the last request does not end')
    return answers
  }

  #tatOf(key: string, now: bigint, most: bigint): bigint {
    const tat = BigInt(this.get(key) ?? 0)
    if (tat > now + most) this.#owe(key, now + most, now)
    if (tat > now + most) return now + most
    return tat < now ? now : tat
  }

  #owe(key: string, tat: bigint, now: bigint): void {
    const ms = (tat - now + 7_999n) / 8_000n + 1n
    this.#values.set(key, { text: String(tat), expiresAt: this.#micros() + ms * 1_000n })
  }
}

function tagOf(key: string): string {
  const tag = /^\{([^{}]+)\}:/.exec(key)?.[1]
  if (tag === undefined) throw new Error(`${key} has no hash tag`)
  return tag
}
