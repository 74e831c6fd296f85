import { Counter, type Registry } from '@prometheus-io/client'
import { PreparedHistogram } from './prepared-histogram.ts'
import type { ProxyCells } from './proxy-cells.ts'

/** The metrics of the proxy, where it is configured. */
export function proxyMetrics(registers: Registry[], cells: ProxyCells): void {
  new Counter({
    name: 'sidekeep_proxy_requests_total',
    help: 'Requests to the proxy that are over; status 499: the client left before its answer was complete.',
    labelNames: ['method', 'status'],
    registers,
    collect() {
      this.reset()
      for (const { method, status, count } of cells.requests.requests()) this.inc({ method, status }, count)
    },
  })
  new PreparedHistogram(registers, {
    name: 'sidekeep_proxy_request_duration_seconds',
    help: 'From the head of a request to the proxy until its answer was handed to the socket.',
    series: () => [[undefined, cells.requests.durations]],
  })
  new Counter({
    name: 'sidekeep_proxy_limited_total',
    help: 'Requests beyond a limit of the proxy: refused where it is enforced, only counted where it is a shadow.',
    labelNames: ['limit', 'mode'],
    registers,
    collect() {
      this.reset()
      for (const { name, mode, count } of cells.limits) this.inc({ limit: name, mode }, count)
    },
  })
  new Counter({
    name: 'sidekeep_proxy_upstream_errors_total',
    help: 'Requests that the application behind the proxy failed to answer, by how.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of cells.upstreamErrors.entries()) this.inc({ reason }, count)
    },
  })
}
