import { CounterCells } from './cells.ts'

/** What became of a line of the audit. */
export type AuditOutcome = 'written' | 'lost' | 'withheld'

export const auditOutcomes: readonly AuditOutcome[] = ['written', 'lost', 'withheld']

/** The numbers behind the metrics of the audit. */
export class AuditCells {
  readonly lines = new CounterCells<AuditOutcome>(auditOutcomes)
  /** Whether lines cannot be written now; asked at each scrape. */
  isFailing = (): boolean => false
}
