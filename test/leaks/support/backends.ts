/** Backends that answer rightly at first and then each in a wrong way of its own, one for each table of the fault matrix. */
import type { Test } from 'tap'
import { answer, type Backend, faults, type Handler, startBackend } from '../../support/backend.ts'
import { createAuthority } from '../../support/certificates.ts'
import { token } from '../../support/process-sidecar.ts'

export const kinds = ['body', 'connect', 'keys', 'status', 'time', 'tls'] as const
export type Kind = (typeof kinds)[number]

const html = { 'content-type': 'text/html' }

const handlers: Readonly<Record<Exclude<Kind, 'tls'>, Handler>> = {
  body: answer(200, '<p>CANARY-login</p>', html),
  connect: faults.resetBeforeHeaders,
  keys: answer(404, '{"error":"CANARY-no-such-key"}'),
  status: answer(403, '<p>CANARY-in-the-error-page</p>', html),
  time: faults.hang,
}

export interface FaultyBackends {
  /** The providers and the rules of a configuration: of each kind `KIND/held`, and `KIND/one` under a pattern. */
  readonly config: { readonly providers: object; readonly secrets: object }
  /** From now on all of them misbehave. */
  begin(): void
}

export async function startFaultyBackends(t: Test): Promise<FaultyBackends> {
  const [ours, foreign] = [createAuthority('ours'), createAuthority('foreign')]
  const started = await Promise.all(
    kinds.map(async (kind): Promise<readonly [Kind, Backend]> => {
      const secrets = [
        ['held', `CANARY-${kind}-held`],
        ['n-one', `CANARY-${kind}-one`],
      ] as const
      const tls = kind === 'tls' ? { tls: ours.issue() } : {}
      return [kind, await startBackend(t, { token, secrets, ...tls })]
    }),
  )
  return {
    config: {
      providers: Object.fromEntries(
        started.map(([kind, { url }]) => [
          kind,
          {
            type: 'http',
            url: `${url}/{key}?key=CANARY-in-the-url`,
            token: { env: 'AUTH_TOKEN' },
            headers: { 'X-Api-Key': 'CANARY-in-a-header' },
            timeout: '300ms',
            ...(kind === 'tls' ? { ca: ours.ca } : {}),
          },
        ]),
      ),
      secrets: Object.fromEntries(
        kinds.flatMap((provider) => [
          // What is not there any more keeps the sidecar from being ready.
          [
            `${provider}/held`,
            { provider, key: 'held', refresh: '1h', maxStale: '2h', required: provider === 'keys' },
          ],
          [`${provider}/*`, { provider, key: 'n-*', refresh: '1h', maxStale: '2h' }],
        ]),
      ),
    },
    begin() {
      for (const [kind, backend] of started) {
        if (kind === 'tls') backend.present(foreign.issue())
        else backend.handler = handlers[kind]
        for (const socket of backend.sockets) socket.destroy()
      }
    },
  }
}
