import { Counter, Gauge, type Registry } from '@prometheus-io/client'
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
  new PreparedHistogram(registers, {
    name: 'sidekeep_proxy_upstream_duration_seconds',
    help: 'From the moment the application behind the proxy was asked until its answer began.',
    series: () => [[undefined, cells.upstreamDurations]],
  })
  new Gauge({
    name: 'sidekeep_proxy_in_flight',
    help: 'Requests to the proxy that are not over, those that wait for their turn too.',
    registers,
    collect() {
      this.set(cells.readGauges().inFlight)
    },
  })
  new Gauge({
    name: 'sidekeep_proxy_queue_depth',
    help: 'Requests to the proxy that wait until the application has fewer of them.',
    registers,
    collect() {
      this.set(cells.readGauges().queueDepth)
    },
  })
  new Gauge({
    name: 'sidekeep_proxy_limit_keys',
    help: 'Keys that a limit of the proxy remembers in this process.',
    labelNames: ['limit'],
    registers,
    collect() {
      this.reset()
      for (const { limit, keys } of cells.readGauges().limitKeys) this.set({ limit }, keys)
    },
  })
  new Counter({
    name: 'sidekeep_proxy_limit_store_errors_total',
    help: 'Times that the store of the limits could not be asked or gave no answer, by why.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of cells.storeErrors.entries()) this.inc({ reason }, count)
    },
  })
  counted(
    registers,
    'sidekeep_proxy_upgrades_total',
    'Connections that became WebSockets.',
    () => cells.upgrades,
  )
  counted(
    registers,
    'sidekeep_proxy_received_bytes_total',
    'Bytes of bodies, and of WebSockets, that came from clients of the proxy.',
    () => cells.bytesReceived,
  )
  counted(
    registers,
    'sidekeep_proxy_sent_bytes_total',
    'Bytes of bodies, and of WebSockets, that went to clients of the proxy.',
    () => cells.bytesSent,
  )
}

function counted(registers: Registry[], name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset()
      this.inc(read())
    },
  })
}
