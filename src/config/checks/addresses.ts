/** Which addresses there are: no two the same, and none that other machines reach without a guard. */
import type { Door } from '../doors.ts'
import { atValue } from '../issues.ts'
import { formatListen, isLoopback, type Listen, overlaps } from '../listen.ts'
import { formatPath, type Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { Config } from '../schema.ts'
import type { Crossing } from './finding.ts'

/** Each address against those before it: the later one is told. */
export function addressProblems(config: Config, doors: readonly Door[], raw: Raw): Crossing[] {
  const places: { path: Path; listen: Listen }[] = doors.map(({ path, listen }) => ({
    path: [...path, 'listen'],
    listen,
  }))
  if (config.ops !== undefined) places.push({ path: ['ops', 'listen'], listen: config.ops.listen })
  if (config.proxy !== undefined) places.push({ path: ['proxy', 'listen'], listen: config.proxy.listen })
  return places.flatMap(({ path, listen }, index) =>
    places
      .slice(0, index)
      .filter((earlier) => overlaps(listen, earlier.listen))
      .map((earlier): Crossing => {
        const what = listen.kind === 'unix' ? 'a socket path' : 'a port'
        const expected = `${what} that ${formatPath(earlier.path)} does not use already`
        return { problem: atValue(path, expected, raw), about: [path, earlier.path] }
      }),
  )
}

/** What an address that is not loopback lacks, each told by itself at the address, which is why it is wanted. */
export function remoteProblems(config: Config, doors: readonly Door[], raw: Raw): Crossing[] {
  return doors
    .filter(({ listen }) => !isLoopback(listen))
    .flatMap(({ path, callers, tls }) => {
      const at = [...path, 'listen']
      const problems: Crossing[] = []
      if (!config.api.allowRemote) {
        const expected =
          'a loopback address such as 127.0.0.1:7575, or a Unix socket: whoever reaches this listener can read the secrets, unless api.allowRemote is true and there are callers and tls'
        problems.push({ problem: atValue(at, expected, raw), about: [at, ['api', 'allowRemote']] })
      }
      const lacks = (option: string, expected: string): void => {
        const missing = [...path, option]
        const why = `${expected}, since ${formatPath(at)} is an address that other machines reach`
        const problem = { ...atValue(missing, why, raw), ...raw.locate(at, 'value') }
        problems.push({ problem, about: [missing, at] })
      }
      if (callers === undefined) lacks('callers', 'callers with tokens')
      if (tls === undefined) lacks('tls', 'a certificate (cert, key)')
      return problems
    })
}

/** Loopback is shared by all containers of a pod: what a list keeps from one of them it gets next door. */
export function sideDoorWarnings([main, ...further]: readonly Door[]): string[] {
  if (main === undefined || main.listen.kind === 'unix' || main.callers !== undefined) return []
  if (further.length === 0) return []
  return [
    `${formatPath([...main.path, 'listen'])} is ${formatListen(main.listen)} and has no callers: whoever reaches it may ask for every secret, whatever the lists of api.listeners say. Give it callers too, or make it a Unix socket.`,
  ]
}

/** Requests name the address that they were sent to, which is refused unless it is loopback or named. */
export function hostWarnings(config: Config, doors: readonly Door[]): string[] {
  if (config.api.hosts.length > 0) return []
  return doors
    .filter(({ listen }) => !isLoopback(listen))
    .map(
      ({ path, listen }) =>
        `${formatPath([...path, 'listen'])} is ${formatListen(listen)}, and api.hosts names no host: requests that name another host than loopback are refused.`,
    )
}
