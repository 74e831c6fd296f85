export interface GuideAddresses {
  readonly api: string
  readonly ops: string
  readonly backend: string
  readonly control: string
  readonly configFile: string
}

const header = "-H 'X-Sidekeep-Request: true'"

/** What the demo prints: what runs where, and lines that work as they stand when pasted into another terminal. */
export function guide({ api, ops, backend, control, configFile }: GuideAddresses): string {
  const steps: [string, string][] = [
    ['all secrets and their states, never a value', `curl ${header} ${api}/v1/secrets`],
    ['one secret', `curl ${header} ${api}/v1/secrets/db-password`],
    ['its bytes and nothing else', `curl ${header} '${api}/v1/secrets/db-password?format=raw'`],
    ['one field of a JSON value', `curl ${header} '${api}/v1/secrets/payment?field=account'`],
    ['a secret of a pattern, with its headers', `curl -i ${header} ${api}/v1/secrets/shared/greeting`],
    ['is it ready?', `curl '${ops}/readyz?verbose'`],
    ['what Prometheus sees', `curl ${ops}/metrics`],
    ['rotate db-password at the provider; the sidecar has it 2 s later', `curl -X POST ${control}/rotate`],
    ['or fetch it at once', `curl -X POST ${header} ${api}/v1/refresh/db-password`],
    ['stop the provider; after 2 s the list says stale', `curl -X POST ${control}/stop`],
    ['and the secret is still served', `curl -i ${header} ${api}/v1/secrets/db-password`],
    ['why it is so, and what happens next', `curl ${header} ${api}/v1/explain/db-password`],
    ['start the provider again', `curl -X POST ${control}/start`],
  ]
  return [
    'The Sidekeep demo: a provider, a sidecar beside it, and you.',
    '',
    `  provider   ${backend}   wants a bearer token, rotates db-password every 10 s`,
    `  sidecar    ${api}           serves what it fetched; health and metrics also on ${ops}`,
    `  control    ${control}           rotates, stops and starts the provider`,
    `  config     ${configFile}   edit it: a change is applied at once`,
    '',
    'Paste into another terminal:',
    ...steps.flatMap(([what, line]) => ['', `  # ${what}`, `  ${line}`]),
    '',
    'Ctrl-C ends all of it. What follows is the log of the sidecar.',
    '',
  ].join('\n')
}
