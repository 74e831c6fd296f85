import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { AuditCells } from './audit-cells.ts'

export function auditMetrics(registers: Registry[], cells: AuditCells): void {
  new Counter({
    name: 'sidekeep_audit_lines_total',
    help: 'Accesses to secrets that the audit was to record: written, lost since they could not be, or withheld since strangers were refused too often.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      for (const [outcome, count] of cells.lines.entries()) this.inc({ outcome }, count)
    },
  })
  new Gauge({
    name: 'sidekeep_audit_failing',
    help: '1 while the lines of the audit cannot be written.',
    registers,
    collect() {
      this.set(cells.isFailing() ? 1 : 0)
    },
  })
}
