import type { Logger } from '../../src/observability/log.ts'
import { ProviderError } from '../../src/secrets/provider.ts'

const failure = new ProviderError(
  'unavailable',
  'timeout',
  'platform (https://secrets.internal) did not answer in 10 s',
)

/** Lines as a sidecar in trouble writes them, where it writes many: rotations, failures, changes of state, some errors. */
export function logLines(log: Logger, from: number, count: number): void {
  for (let at = from; at < from + count; at += 1) {
    const secret = `team-${at % 13}/service-${at % 101}/db-password`
    const version = `h-${((at * 2654435761) >>> 0).toString(16).padStart(16, '9')}`
    if (at % 50 === 0)
      log.error({ provider: 'platform', err: new TypeError('lost') }, 'could not be taken in')
    else if (at % 4 === 0) {
      const { kind, reason, message } = failure
      const secrets = [secret, 'another']
      log.warn(
        {
          provider: 'platform',
          secrets,
          kind,
          reason,
          error: message,
          attempt: at % 9,
          nextTryMs: at % 30_000,
        },
        'refresh failed',
      )
    } else if (at % 4 === 1)
      log.warn({ secret, provider: 'platform', from: 'fresh', to: 'stale' }, 'secret is stale')
    else log.info({ secret, provider: 'platform', version, previousVersion: 'v41' }, 'secret rotated')
  }
}
