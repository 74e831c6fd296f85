/** The time for a stop, and where the audit goes. */
import { atValue } from '../issues.ts'
import { formatDuration } from '../quantities.ts'
import type { Raw } from '../raw.ts'
import type { Config } from '../schema.ts'
import type { Crossing } from './finding.ts'

export function shutdownProblems({ shutdown: { timeout, linger } }: Config, raw: Raw): Crossing[] {
  if (linger < timeout) return []
  const about = [
    ['shutdown', 'linger'],
    ['shutdown', 'timeout'],
  ] as const
  const expected = `less than shutdown.timeout, which is ${formatDuration(timeout)}: else every stop would be cut short`
  return [{ problem: atValue(about[0], expected, raw), about }]
}

export function auditProblems({ audit }: Config, raw: Raw): Crossing[] {
  if (audit === undefined || (audit.file !== undefined) !== audit.stdout) return []
  const [file, stdout] = [
    ['audit', 'file'],
    ['audit', 'stdout'],
  ]
  const both = audit.stdout
  const problem = {
    ...atValue(both ? stdout : ['audit'], 'either file or stdout: true, where the lines go', raw),
    got: both ? 'both' : 'neither',
  }
  return [{ problem, about: [file, stdout] }]
}
