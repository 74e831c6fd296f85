/** HAProxy's configuration: one thread, limits by stick tables. */
import type { BenchLimit } from './limits.ts'

/** More than any measurement opens. */
const connections = 15_000

export function haproxyProxy(port: number, upstreamPort: number, limits: readonly BenchLimit[]): string {
  const tables = limits.map(
    ({ name, key }) => `backend ${name}
  stick-table type ${key === 'client-ip' ? 'ip' : 'integer'} size 100k expire 60s store http_req_rate(1s)`,
  )
  const tracked = limits.flatMap(({ name, key, rate }, at) => [
    `  http-request track-sc${at} ${key === 'client-ip' ? 'src' : 'int(1)'} table ${name}`,
    `  http-request deny deny_status 429 if { sc${at}_http_req_rate gt ${rate} }`,
  ])
  return `global
  nbthread 1
  maxconn ${connections}
  no strict-limits
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 60s
  timeout http-keep-alive 75s
frontend front
  bind 127.0.0.1:${port} backlog 4096
${tracked.join('\n')}
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  default_backend app
backend app
  http-reuse always
  server app 127.0.0.1:${upstreamPort}
${tables.join('\n')}
`
}
