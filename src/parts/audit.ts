import { AuditTrail } from '../audit/trail.ts'
import type { Logger } from '../observability/log.ts'
import { outputOf } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { liveValues } from '../observability/redaction/live-values.ts'
import type { Clock } from '../secrets/clock.ts'

export interface AuditParts {
  readonly log: Logger
  readonly metrics: Pick<Metrics, 'audit'>
  readonly clock: Clock
}

/** The audit with those who are told of it: the log, once when a failure begins and once when it ends, and the metrics. */
export function createAudit({ log, metrics, clock }: AuditParts): AuditTrail {
  const cells = metrics.audit
  const trail = new AuditTrail({
    clock,
    redact: (name) => liveValues.redactText(name),
    output: { write: (lines, settled) => outputOf(log).write(lines, settled) },
    observer: {
      written: (lines) => cells.lines.increase('written', lines),
      lost: (lines) => cells.lines.increase('lost', lines),
      withheld: () => cells.lines.increase('withheld'),
      failed(audit, err) {
        log.error({ audit, err }, 'the audit cannot be written')
      },
      recovered(audit) {
        log.info({ audit, lost: cells.lines.get('lost') }, 'the audit is written again')
      },
      stuckBehind: (audit, err) =>
        log.error({ audit, err }, 'the audit could not be opened anew: lines go where they went before'),
    },
  })
  cells.isFailing = () => trail.isFailing
  return trail
}
