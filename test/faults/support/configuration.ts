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
}

/** The configuration of the sidecar in a scene, as a file would have it. */
export function configurationOf(
  { mode, ca, tls, refresh, maxConcurrentCalls }: SceneOptions,
  port: number,
): object {
  const scheme = tls === undefined ? 'http' : 'https'
  const url = `${scheme}://${hostName}:${port}/secrets${mode === 'keys' ? '/{key}' : ''}`
  const provider = 'platform'
  const rule = { provider, ...(refresh === undefined ? {} : { refresh }) }
  return {
    api: { listen: '127.0.0.1:0', demandTimeout: `${demandTimeout}ms` },
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
