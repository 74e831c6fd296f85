/** How many requests a backend gets in an hour, on a virtual clock. */
import { setTimeout as delay } from 'node:timers/promises'
import { parseConfig } from '../../src/config/load.ts'
import { createLog } from '../../src/observability/log.ts'
import { Heart } from '../../src/parts/heart.ts'
import { Sources } from '../../src/parts/sources.ts'
import { createProvider } from '../../src/providers/registry.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import type { Backend } from '../../test/support/provider-stage.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { Dice } from '../soak/random.ts'

const minute = 60_000
const hour = 60 * minute
/** What a step of the clock has set off in the background, a renewal say, has this long to reach the backend, in ms. */
const breath = 2

/** Requests in the second hour: in the first one, secrets spread over their intervals. */
export async function requestsAnHour(backend: Backend, config: object): Promise<number> {
  const { config: parsed } = await parseConfig(JSON.stringify(config), { file: 'bench', env: {} })
  const clock = new VirtualClock()
  const log = await createLog({ level: 'silent', format: 'json' })
  const draws = new Dice(20_260_101)
  const random = (): number => draws.next()
  let busy = 0
  const counted = <T>(call: Promise<T>): Promise<T> => {
    busy += 1
    return call.finally(() => {
      busy -= 1
    })
  }
  const sources = await Sources.create(parsed.providers, {
    makeProvider: async (...args) => counting(await createProvider(...args), counted),
    clock,
    random,
    log,
  })
  const heart = new Heart({ config: parsed, sources, version: 'bench', log, clock, random })
  heart.refresher.start()
  const pass = async (ms: number): Promise<void> => {
    const end = clock.now() + ms
    while (clock.now() < end) {
      // Time stands still while anything is under way: nothing is to run into its deadline.
      do await delay(breath)
      while (busy > 0)
      await clock.advance(Math.min(clock.next ?? ms, end - clock.now()))
    }
  }
  await pass(hour)
  const before = backend.requests()
  const { held, total } = heldOf(heart)
  if (held !== total) throw new Error(`only ${held} of ${total} secrets are held after an hour`)
  await pass(hour)
  const requests = backend.requests() - before
  await heart.stop()
  heart.close()
  return requests
}

function heldOf(heart: Heart): { held: number; total: number } {
  const states = [...heart.cache.statuses()].map(({ state }) => state)
  return { held: states.filter((state) => state === 'fresh').length, total: states.length }
}

/** Counts what is under way, but for watches, which always are. */
function counting(provider: Provider, counted: <T>(call: Promise<T>) => Promise<T>): Provider {
  const { fetch, fetchAll, listKeys, renew } = provider
  const counter: Provider = Object.create(provider)
  return Object.assign(counter, {
    fetch: (...args: Parameters<typeof fetch>) => counted(fetch.apply(provider, args)),
    ...(fetchAll && {
      fetchAll: (...args: Parameters<typeof fetchAll>) => counted(fetchAll.apply(provider, args)),
    }),
    ...(listKeys && {
      listKeys: (...args: Parameters<typeof listKeys>) => counted(listKeys.apply(provider, args)),
    }),
    ...(renew && { renew: (...args: Parameters<typeof renew>) => counted(renew.apply(provider, args)) }),
    ...(provider.close && { close: () => provider.close?.() }),
    ...(provider.watch && {
      watch: (...args: Parameters<NonNullable<Provider['watch']>>) => provider.watch?.(...args),
    }),
  })
}
