import * as z from 'zod/mini'
import { flag, path } from './fields.ts'
import { option, section } from './option.ts'

export const audit = () =>
  section({
    file: option(z.optional(path()), {
      description:
        'The file that lines are appended to. It is opened anew on SIGHUP and when it was moved away, and may be truncated in place.',
      fallback: 'none: then `stdout` is to be true',
      example: '/var/log/sidekeep/audit.log',
    }),
    stdout: option(z.prefault(flag(), false), {
      description: 'Whether the lines go to standard output, among those of the log, in place of a file.',
      example: true,
    }),
    onFailure: option(z.prefault(z.enum(['serve', 'refuse']), 'serve'), {
      description:
        'What happens while lines cannot be written, to a full disk for instance: `serve` answers on and counts the lines that are lost; `refuse` answers nothing whose line is not written (503 `SIDEKEEP_AUDIT_FAILED`).',
      example: 'refuse',
    }),
  })
