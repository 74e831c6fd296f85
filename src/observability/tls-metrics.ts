import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { TlsCells } from './tls-cells.ts'

/** The metrics of listeners that serve HTTPS, where there are any. */
export function tlsMetrics(registers: Registry[], cells: TlsCells): void {
  new Counter({
    name: 'sidekeep_tls_reload_total',
    help: 'Changes of a certificate: taken over, or unfit, and then the former one is served on.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      for (const [outcome, count] of cells.reloads.entries()) this.inc({ outcome }, count)
    },
  })
  new Counter({
    name: 'sidekeep_tls_handshake_failures_total',
    help: 'Connections on which no TLS came about: no trust, no client certificate, no TLS at all, too slow.',
    registers,
    collect() {
      this.reset()
      this.inc(cells.handshakesFailed)
    },
  })
  new Gauge({
    name: 'sidekeep_tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate that a listener serves with ends.',
    labelNames: ['listener'],
    registers,
    collect() {
      this.reset()
      for (const { listener, at } of cells.expiries) this.set({ listener }, at / 1_000)
    },
  })
}
