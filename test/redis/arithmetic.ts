import { script } from '../../src/proxy/limits/redis/script.ts'
import { Keyspace } from '../support/fake-redis-keyspace.ts'
import fc from '../support/property.ts'
import type { RealRedis } from './server.ts'

/** Intervals so long that no key expires meanwhile: Redis expires by its own clock, whatever the script is told. */
const quota = fc.record({
  interval: fc.bigInt(10n ** 9n, 10n ** 12n),
  burst: fc.bigInt(1n, 50n),
})
const demand = fc.record({ key: fc.constantFrom('a', 'b', 'c'), isShadow: fc.boolean() })
const request = fc.uniqueArray(demand, { selector: ({ key }) => key, minLength: 1, maxLength: 3 })
const history = fc.record({
  quotas: fc.record({ a: quota, b: quota, c: quota }),
  turns: fc.array(
    fc.record({
      /** In microseconds; back, too. */
      pause: fc.oneof(fc.constant(0n), fc.bigInt(-(10n ** 9n), 10n ** 12n)),
      requests: fc.array(request, { minLength: 1, maxLength: 5 }),
    }),
    { minLength: 1, maxLength: 20 },
  ),
})

/** The script itself, with the time as its last arguments. */
const timed = script.replace("redis.call('TIME')", '{ ARGV[#ARGV - 1], ARGV[#ARGV] }')

/** Runs the script in a real Redis, and the second writing of it, for random histories. Rejects where they differ. */
export async function checkArithmetic(redis: RealRedis, runs: number): Promise<void> {
  if (timed === script) throw new Error('the script does not ask for the time')
  let run = 0
  await fc.assert(
    fc.asyncProperty(history, async ({ quotas, turns }) => {
      run += 1
      let micros = 1_790_000_000_000_000n
      const keyspace = new Keyspace(() => micros)
      for (const { pause, requests } of turns) {
        micros += pause
        const demands = requests.flatMap((request) =>
          request.map((one, at) => ({ ...one, ...quotas[one.key], isLast: at === request.length - 1 })),
        )
        const keys = demands.map(({ key }) => `{run-${run}}:${key}`)
        const args = demands.flatMap(({ interval, burst, isShadow, isLast }) => [
          String(interval),
          String(burst),
          String((isShadow ? 1 : 0) + (isLast ? 2 : 0)),
        ])
        const time = [String(micros / 1_000_000n), String(micros % 1_000_000n)]
        const answers = await redis.call(
          undefined,
          'EVAL',
          timed,
          String(keys.length),
          ...keys,
          ...args,
          ...time,
        )
        const expected = keyspace.run(keys, args).map(Number)
        if (JSON.stringify(answers) !== JSON.stringify(expected)) {
          throw new Error(`Redis says ${answers}, and the model ${expected}`)
        }
        for (const key of keys) {
          const [held, expected] = [await redis.call(undefined, 'GET', key), keyspace.get(key)]
          // What has expired in the model is still there in Redis, whose own time has hardly moved.
          if (expected !== undefined && held !== expected) {
            throw new Error(`Redis holds ${held} at ${key}, and the model ${expected}`)
          }
        }
      }
    }),
    { numRuns: runs },
  )
}
