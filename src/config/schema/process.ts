import * as z from 'zod/mini'
import { count, duration, flag, size } from './fields.ts'
import { option, section } from './option.ts'

export const cache = () =>
  section({
    maxEntries: option(z.prefault(count(1, 10_000_000), 10_000), {
      description:
        'How many secrets of patterns are held. Beyond it the least recently used are dropped; secrets with a rule of their own never are.',
      example: 1000,
    }),
    maxBytes: option(z.prefault(size({ min: '1KiB', max: '64GiB' }), '64MiB'), {
      description:
        'How much memory the values of pattern secrets may take together. Beyond it the least recently used are dropped.',
      example: '16MiB',
    }),
    missingTtl: option(z.prefault(duration({ max: '1h' }), '10s'), {
      description:
        'How long it is remembered that the provider does not have a secret of a pattern. It keeps requests for what does not exist from the provider.',
      example: '1m',
    }),
    maxMissing: option(z.prefault(count(1, 1_000_000), 10_000), {
      description:
        'How many names that a pattern covers and the provider does not have, or could not bring, are remembered. Beyond it the least recently asked for are forgotten.',
      example: 1000,
    }),
  })

export const reload = () =>
  section({
    watch: option(z.prefault(flag(), true), {
      description:
        'Whether a change of the configuration file is noticed and applied, as SIGHUP does. A ConfigMap that is replaced is noticed too.',
      example: false,
    }),
    poll: option(z.prefault(duration({ min: '100ms', max: '1h' }), '5s'), {
      description: 'How often to look at the file where the file system does not report changes.',
      example: '30s',
    }),
  })

export const shutdown = () =>
  section({
    timeout: option(z.prefault(duration({ min: '1ms', max: '1h' }), '25s'), {
      description:
        'When to end, whatever still hangs. The default leaves 5 s of the 30 s that Kubernetes grants (`terminationGracePeriodSeconds`).',
      example: '10s',
    }),
    notice: option(z.prefault(duration({ max: '1h' }), '2s'), {
      description:
        'How long `proxy` still takes new connections after the stop signal, while `/readyz` says no already: as long as load balancers take to notice. At most half of the time that requests under way have.',
      example: '10s',
    }),
    linger: option(z.prefault(duration({ max: '1h' }), '0s'), {
      description:
        'How long the API serves on after the stop signal, for an application that still needs secrets while it stops. Part of `timeout`, and less than it.',
      example: '5s',
    }),
  })

export const log = () =>
  section({
    level: option(
      z.prefault(z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), 'info'),
      {
        description: 'The least severe lines that are written.',
        example: 'debug',
      },
    ),
    format: option(z.prefault(z.enum(['auto', 'json', 'pretty']), 'auto'), {
      description:
        'How lines are written. `auto` is `pretty` on a terminal, else `json`. A change takes effect at the next start.',
      example: 'json',
    }),
  })
