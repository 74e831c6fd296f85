/** What the options of the proxy mean for each other, and which secrets it needs. */
import { atValue } from '../issues.ts'
import { formatListen, isLoopback, overlaps, parseListen } from '../listen.ts'
import { formatPath, type Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import { rulesOf } from '../rules.ts'
import {
  type Config,
  isSecretPlace,
  type LimitConfig,
  type ProxyConfig,
  type SecretPlace,
} from '../schema.ts'
import { tlsProblems } from './doors.ts'
import { type Crossing, type Findings, isWritten, shortList } from './finding.ts'

export function proxyFindings(config: Config, raw: Raw): Findings {
  const { proxy } = config
  if (proxy === undefined) return { problems: [], warnings: [] }
  return {
    problems: [
      ...tlsProblems({ path: ['proxy'], listen: proxy.listen, tls: proxy.tls }, raw),
      ...placeProblems(config, proxy, raw),
      ...limitProblems(proxy, raw),
      ...clusterProblems(proxy, raw),
      ...loopProblems(proxy, raw),
    ],
    warnings: [...idleWarnings(proxy, raw), ...keyWarnings(proxy), ...trustWarnings(proxy)],
  }
}

/** The proxy opens when all that is required is held: what it uses itself has to be among that. */
function placeProblems(config: Config, proxy: ProxyConfig, raw: Raw): Crossing[] {
  const rules = rulesOf(config)
  return placesOf(proxy).flatMap(([path, { secret }]): Crossing[] => {
    const rule = rules.find(secret)?.rule
    if (rule?.required === true) return []
    const at = [...path, 'secret']
    const required = ['secrets', rule?.name ?? secret, 'required']
    const expected =
      rule === undefined
        ? 'the name of a secret that secrets declares with required: true'
        : `a secret that is required, since the proxy uses it: set ${formatPath(required)} to true`
    return [{ problem: atValue(at, expected, raw), about: [at, required] }]
  })
}

function placesOf({ tls, store }: ProxyConfig): [Path, SecretPlace][] {
  const options: [Path, unknown][] = Object.entries(tls ?? {}).map(([part, place]) => [
    ['proxy', 'tls', part],
    place,
  ])
  if (store.kind === 'redis') options.push([['proxy', 'store', 'password'], store.password])
  return options.flatMap(([path, place]): [Path, SecretPlace][] =>
    isSecretPlace(place) ? [[path, place]] : [],
  )
}

function nameOf(limit: number): Path {
  return ['proxy', 'limits', limit, 'name']
}

/** Logs, metrics and answers tell limits apart by name. */
function limitProblems({ limits }: ProxyConfig, raw: Raw): Crossing[] {
  return limits.flatMap(({ name }, index): Crossing[] => {
    const first = limits.findIndex((limit) => limit.name === name)
    if (first === index) return []
    const [at, earlier] = [nameOf(index), nameOf(first)]
    const expected = `another name than ${formatPath(earlier)}`
    return [{ problem: atValue(at, expected, raw), about: [at, earlier] }]
  })
}

/** A cluster has one database, whose number is 0. */
function clusterProblems({ store }: ProxyConfig, raw: Raw): Crossing[] {
  if (store.kind !== 'redis' || !store.cluster || /:\/\/[^/]*(?:\/0*)?$/.test(store.url)) return []
  const at = ['proxy', 'store', 'url']
  const expected = 'no number of a database, since a cluster has only one'
  return [{ problem: atValue(at, expected, raw), about: [at, ['proxy', 'store', 'cluster']] }]
}

/** A proxy before itself would ask itself for ever. */
function loopProblems({ listen, upstream }: ProxyConfig, raw: Raw): Crossing[] {
  const place = upstream.startsWith('unix:') ? upstream : new URL(upstream).host
  const parsed = parseListen(place.replace(/^localhost:/, '127.0.0.1:'))
  // The same port of another machine is another listener, also where this one has all addresses of its own.
  if ('error' in parsed || !overlaps(parsed, listen)) return []
  if (!isLoopback(parsed) && formatListen(parsed) !== formatListen(listen)) return []
  const at = ['proxy', 'upstream']
  const expected = "the application's address, and not that of proxy.listen"
  return [{ problem: atValue(at, expected, raw), about: [at, ['proxy', 'listen']] }]
}

/** Options that do nothing as the others are. */
function idleWarnings({ upstream, concurrency, store, limits }: ProxyConfig, raw: Raw): string[] {
  const warnings: string[] = []
  if (!upstream.startsWith('https:')) {
    for (const option of ['ca', 'serverName']) {
      const path = ['proxy', 'upstreamTls', option]
      if (isWritten(raw, path))
        warnings.push(`${formatPath(path)} has no effect: proxy.upstream is no https.`)
    }
  }
  const queue = ['proxy', 'concurrency', 'queue']
  if (concurrency.max === 0 && concurrency.queue > 0 && isWritten(raw, queue)) {
    warnings.push(`${formatPath(queue)} has no effect: proxy.concurrency.max is 0, so nobody ever waits.`)
  }
  if (store.kind !== 'memory' && limits.length === 0) {
    warnings.push('proxy.store has no effect: proxy.limits has no limit to count there.')
  }
  return warnings
}

/** Whoever may choose the key has as many budgets as they like. */
function keyWarnings({ limits }: ProxyConfig): string[] {
  const isByClient = (limit: LimitConfig): boolean => limit.key.some(({ by }) => by === 'client-ip')
  const isChosen = (limit: LimitConfig): boolean => limit.key.some(({ by }) => by !== 'none')
  const enforced = [...limits.entries()].filter(([, { mode }]) => mode === 'enforce')
  if (enforced.some(([, limit]) => isByClient(limit))) return []
  const chosen = enforced.filter(([, limit]) => isChosen(limit))
  if (chosen.length === 0) return []
  const keys = chosen.map(([index]) => formatPath(['proxy', 'limits', index, 'key']))
  return [
    `${shortList(keys)} is what clients choose themselves, and no limit that is enforced counts by client-ip: whoever sends another value each time is not refused. Add a limit by client-ip.`,
  ]
}

function trustWarnings({ trustedProxies }: ProxyConfig): string[] {
  const everybody = [...trustedProxies.entries()].filter(([, range]) => /\/0+$/.test(range))
  return everybody.map(
    ([index]) =>
      `${formatPath(['proxy', 'trustedProxies', index])} is everybody: any client may claim any address with X-Forwarded-For. Name the load balancers alone.`,
  )
}
