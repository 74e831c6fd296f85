import { Counter, type Registry } from '@prometheus-io/client'
import type { CounterCells } from './cells.ts'
import type { CutReason } from './connection-cells.ts'

export function connectionMetrics(registers: Registry[], cells: CounterCells<CutReason>): void {
  new Counter({
    name: 'sidekeep_connections_cut_total',
    help: 'Connections to the API and to ops that were cut: to make room for others, or since an answer was not read.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of cells.entries()) this.inc({ reason }, count)
    },
  })
}
