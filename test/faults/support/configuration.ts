import { callers } from '../../leaks/support/callers.ts'
import { waitTime } from '../../leaks/support/questions.ts'
import type { ServerCertificate } from '../../support/certificates.ts'

/** `list`: one URL has all secrets. `keys`: each secret has its own. */
export type Mode = 'list' | 'keys'

/** The secret that the faults are about, and those beside it. */
export const held = 'held'
export const others = ['other-1', 'other-2', 'other-3', 'other-4', 'other-5']
/** Covered by a pattern, there at the backend from the fault on, and asked for by nobody before. */
export const never = 'new/one'

/** The name under which the sidecar knows its backend. */
export const hostName = 'backend.sidekeep.test'

/** Of lengths that nothing else has, so that the clock can tell them apart; near the defaults. In milliseconds. */
export const callTimeout = 4_999
export const demandTimeout = 5_003
export const refreshTimeout = 9_973
/** The first answer to a wrong token comes after this. */
const slowedBy = 100

/** For how long callers may be kept waiting by the clock: what they wait for is not about to come by itself. */
export const callersWait = [demandTimeout, refreshTimeout, waitTime, slowedBy] as const

export interface SceneOptions {
  readonly mode: Mode
  readonly random: () => number
  readonly tls?: ServerCertificate | undefined
  /** As in the configuration. */
  readonly ca?: string | { readonly file: string } | undefined
  /** The backend keeps idle connections open. */
  readonly keepsAlive?: boolean | undefined
  /** As in the configuration, where they are not the defaults. */
  readonly refresh?: string | undefined
  readonly maxConcurrentCalls?: number | undefined
  /** Every kind of listener and the audit are there, so that all outputs are. */
  readonly hasAllOutputs?: boolean | undefined
}

/** The configuration of the sidecar in a scene, as a file would have it. */
export function configurationOf(
  { mode, ca, tls, refresh, maxConcurrentCalls, hasAllOutputs }: SceneOptions,
  port: number,
): object {
  const scheme = tls === undefined ? 'http' : 'https'
  const url = `${scheme}://${hostName}:${port}/secrets${mode === 'keys' ? '/{key}' : ''}`
  const provider = 'platform'
  const rule = { provider, ...(refresh === undefined ? {} : { refresh }) }
  return {
    api: {
      listen: '127.0.0.1:0',
      demandTimeout: `${demandTimeout}ms`,
      refreshTimeout: `${refreshTimeout}ms`,
      ...(hasAllOutputs && { listeners: [{ listen: '127.0.0.1:0', callers }] }),
    },
    ...(hasAllOutputs && furtherOutputs),
    providers: {
      [provider]: {
        type: 'http',
        url: `${url}?token=CANARY-in-the-url`,
        token: 'CANARY-token',
        timeout: `${callTimeout}ms`,
        ...(ca === undefined ? {} : { ca }),
        ...(maxConcurrentCalls === undefined ? {} : { maxConcurrentCalls }),
      },
    },
    secrets: {
      [held]: { ...rule, required: true },
      ...Object.fromEntries(others.map((name) => [name, rule])),
      'new/*': rule,
    },
  }
}

const furtherOutputs = {
  ops: { listen: '127.0.0.1:0' },
  // Nobody leads clients here, and time stands still while it stops.
  shutdown: { notice: '0s' },
  // Nobody listens there: what the proxy says by itself is what is looked at.
  proxy: {
    listen: '127.0.0.1:0',
    upstream: 'http://127.0.0.1:1',
    limits: [{ name: 'one', key: 'header:X-Api-Key', rate: '1/h', burst: 2 }],
  },
  // Among the lines of the log, so that the matcher of the log sees them too.
  audit: { stdout: true },
  // Where nothing can be written: what is said of that is what is looked at.
  files: [{ path: '/proc/sidekeep/secrets.json', secrets: [held], format: 'json', required: false }],
}
