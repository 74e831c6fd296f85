import { hash } from 'node:crypto'
import type { Quota, Verdict } from '../../../limits/gcra.ts'

/**
 * Redis counts in ticks of an eighth of a microsecond since 2026. A Lua number is a double: whole ticks stay exact until
 * 2061 (2⁵³ of them), so that a burst of 20 is 20, and what is lost of the interval by rounding stays below 1 % up to
 * 100,000 requests a second (10 µs, 80 ticks).
 */
const ticksPerMs = 8_000

/**
 * GCRA for the requests of one turn, each of which counts in all its limits or in none. For each key there are three
 * arguments: interval in ticks, burst, and what it is: +1 for a shadow, which refuses nothing, +2 for the last key of a
 * request. Each is answered with how far the TAT lies ahead, in ticks: once the request is let through, or, negative,
 * as it stands where the limit refuses it.
 *
 * The time is the server's, so that the clocks of the replicas do not matter. Where that has gone back, as after a
 * failover, nobody owes more than a whole burst, and what says otherwise is written anew. A key lives for as long as it
 * owes something, and a millisecond more, since the server counts those from another moment.
 */
export const script = `
local time = redis.call('TIME')
local now = (time[1] - 1767225600) * 8000000 + time[2] * 8
local held = redis.call('MGET', unpack(KEYS))
local tats, owing, isOwing, answers = {}, {}, {}, {}
local function owe(key, tat)
  tats[key] = tat
  if not isOwing[key] then
    isOwing[key] = true
    owing[#owing + 1] = key
  end
end
local first, refused = 1, false
for i = 1, #KEYS do
  local key, interval, kind = KEYS[i], tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i])
  local most = interval * tonumber(ARGV[3 * i - 1])
  if not tats[key] then
    tats[key] = math.max(tonumber(held[i]) or now, now)
    if tats[key] > now + most then owe(key, now + most) end
  end
  local ahead = tats[key] - now
  if ahead <= most - interval then
    answers[i] = ahead + interval
  else
    answers[i] = -ahead
    refused = refused or kind % 2 == 0
  end
  if kind >= 2 then
    for j = first, refused and 0 or i do
      if answers[j] > 0 then owe(KEYS[j], now + answers[j]) end
    end
    first, refused = i + 1, false
  end
end
for _, key in ipairs(owing) do
  redis.call('SET', key, tats[key], 'PX', math.ceil((tats[key] - now) / 8000) + 1)
end
return answers
`

/** What EVALSHA knows it by. */
export const scriptDigest = hash('sha1', script)

const shadow = 1
const lastOfRequest = 2

/** The interval as the script has it: a tick at least. */
export function intervalInTicks({ interval }: Quota): number {
  return Math.max(1, Math.round(interval * ticksPerMs))
}

/** What the script is told of a limit, where it is not, and where it is, the last one that a request is asked for. */
export function argumentsOf(
  quota: Quota,
  mode: 'enforce' | 'shadow',
): { readonly middle: readonly string[]; readonly last: readonly string[] } {
  const rate = [String(intervalInTicks(quota)), String(quota.burst)]
  const kind = mode === 'shadow' ? shadow : 0
  return { middle: [...rate, String(kind)], last: [...rate, String(kind + lastOfRequest)] }
}

/** @param now milliseconds on the monotonic clock of this process, when the request came */
export function verdictOf(answer: number, quota: Quota, now: number): Verdict {
  const interval = intervalInTicks(quota)
  const resetMs = Math.abs(answer) / ticksPerMs
  const tat = now + resetMs
  if (answer > 0) {
    const remaining = Math.floor((quota.burst * interval - answer) / interval)
    return { allowed: true, tat, remaining, retryAfterMs: 0, resetMs }
  }
  const tolerance = (quota.burst - 1) * interval
  return { allowed: false, tat, remaining: 0, retryAfterMs: (-answer - tolerance) / ticksPerMs, resetMs }
}

/** What is asked to find out whether Redis would answer requests: it must write, since that is what fails first. */
export function probeOf(prefix: string): {
  readonly keys: readonly string[]
  readonly args: readonly string[]
} {
  // So far from being used up that each probe writes; it is owed for a millisecond.
  return { keys: [`{${prefix}}:probe`], args: ['1', '1000000', String(shadow + lastOfRequest)] }
}
