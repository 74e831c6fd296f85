import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { ChangeCells } from './change-cells.ts'

export function changeMetrics(registers: Registry[], cells: ChangeCells): void {
  new Gauge({
    name: 'sidekeep_waiting_requests',
    help: 'Requests that wait for a secret to change.',
    registers,
    collect() {
      this.set(cells.waiting)
    },
  })
  new Gauge({
    name: 'sidekeep_event_streams',
    help: 'Event streams that are open.',
    registers,
    collect() {
      this.set(cells.streams)
    },
  })
  new Counter({
    name: 'sidekeep_event_streams_dropped_total',
    help: 'Event streams that were ended because their reader was too slow.',
    registers,
    collect() {
      this.reset()
      this.inc(cells.dropped)
    },
  })
  new Counter({
    name: 'sidekeep_events_total',
    help: 'What happened to secrets, as event streams tell it, whether or not one is open.',
    labelNames: ['event'],
    registers,
    collect() {
      this.reset()
      for (const [event, count] of cells.events.entries()) this.inc({ event }, count)
    },
  })
}
