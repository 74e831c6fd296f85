import type { SecretsObserver } from '../secrets/observer.ts'
import type { SecretState } from '../secrets/reading.ts'
import type { Logger } from './log.ts'
import type { Metrics } from './metrics.ts'

/** How loud a change of state is: what callers feel is a warning, what they cannot live without an error. */
const levelOf: Record<SecretState, 'info' | 'warn' | 'error'> = {
  fresh: 'info',
  stale: 'warn',
  expired: 'error',
  missing: 'warn',
  'not-loaded': 'warn',
}

/**
 * Tells the log and the metrics what happens to secrets: one line a rotation, a failure, a recovery and a change of
 * state; none for a refresh that went well. Never a value.
 */
export function createReporter(
  log: Logger,
  metrics: Pick<Metrics, 'called' | 'rotated' | 'breakerChanged' | 'listShrank' | 'fellBack'>,
): SecretsObserver {
  return {
    called(event) {
      metrics.called(event)
      const durationMs = Math.round(event.durationMs)
      log.debug({ provider: event.provider, outcome: event.outcome, durationMs }, 'provider called')
    },
    failed({ provider, secrets, error, attempt, nextTryMs, declared }) {
      const { kind, reason, message } = error
      // Callers choose the names of pattern secrets, and may choose many: those lines are not for every day.
      log[declared ? 'warn' : 'debug'](
        { provider, secrets, kind, reason, error: message, attempt, nextTryMs: Math.round(nextTryMs) },
        'refresh failed',
      )
    },
    recovered({ provider, secrets, attempts }) {
      log.info({ provider, secrets, attempts }, 'refresh recovered')
    },
    loaded({ secret, provider, version }) {
      log.debug({ secret, provider, version }, 'secret loaded')
    },
    rotated(event) {
      metrics.rotated(event)
      const { secret, provider, version, previousVersion } = event
      log.info({ secret, provider, version, previousVersion }, 'secret rotated')
    },
    breakerChanged(event) {
      metrics.breakerChanged(event)
      const { provider, cause, open, nextProbeMs } = event
      if (open) log.warn({ provider, cause, nextProbeMs: Math.round(nextProbeMs) }, 'circuit breaker is open')
      else log.info({ provider, cause }, 'circuit breaker is closed')
    },
    listShrank(event) {
      metrics.listShrank(event)
      const { provider, held, vanished, believed } = event
      log.warn(
        { provider, held, vanished },
        believed
          ? 'the list still lacks these secrets: they are dropped'
          : 'most of what is held is gone from the list: not believed yet',
      )
    },
    fellBack(event) {
      metrics.fellBack(event)
      if (!event.begins) return
      const { secret, provider, first, error } = event
      const { kind, reason, message } = error
      log.warn({ secret, provider, first, kind, reason, error: message }, 'a fallback serves the secret')
    },
    cameBack({ secret, provider, from }) {
      log.info({ secret, provider, from }, 'the first provider serves the secret again')
    },
    discovered({ provider, loaded, failed, hasMore }) {
      if (!hasMore) log.debug({ provider, loaded, failed }, 'what the provider lists was fetched')
      else {
        log.warn(
          { provider, loaded, failed },
          'the provider lists more than cache.maxEntries and cache.maxBytes let be held: the rest is fetched when it is asked for',
        )
      }
    },
    broke({ provider, thrown }) {
      // As `err`, of which only what is known to quote nothing is logged.
      log.error(
        { provider, err: thrown },
        'what a provider brought could not be taken in: a fault of Sidekeep',
      )
    },
    stateChanged({ secret, provider, declared, from, to, removed }) {
      if (removed) {
        // Somebody wanted that. With a pattern there may go as many as it had.
        log[declared ? 'info' : 'debug']({ secret, provider, from }, 'secret removed from the configuration')
        return
      }
      // The first load of each secret is no news at `info`: the line "ready" stands for all of them.
      const level = from === 'not-loaded' && to === 'fresh' ? 'debug' : levelOf[to]
      log[level]({ secret, provider, from, to }, `secret is ${to}`)
    },
  }
}
