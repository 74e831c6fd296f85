import { Counter, type Registry } from '@prometheus-io/client'
import type { CounterCells } from './cells.ts'
import type { RefusedReason } from './refusal-cells.ts'

export function refusalMetrics(registers: Registry[], cells: CounterCells<RefusedReason>): void {
  new Counter({
    name: 'sidekeep_api_refused_total',
    help: 'Requests to the API that were not let in, or that asked for what is not for their caller, by why.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of cells.entries()) this.inc({ reason }, count)
    },
  })
}
