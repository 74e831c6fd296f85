import * as z from 'zod/mini'
import { duration, path, size } from '../fields.ts'
import { option, section } from '../option.ts'
import { calls, maxSecrets } from './shared.ts'

export const file = () =>
  section({
    type: option(z.literal('file'), { description: 'Reads a directory or a file.', example: 'file' }),
    path: option(path(), {
      description:
        'A directory with one secret a file, as Kubernetes mounts them, or one file with many secrets.',
      example: '/etc/secrets',
    }),
    format: option(z.prefault(z.enum(['auto', 'directory', 'json', 'yaml', 'dotenv']), 'auto'), {
      description:
        "What the path holds. `auto` looks whether it is a directory, and at the file's extension.",
      example: 'json',
    }),
    poll: option(z.prefault(duration({ min: '100ms', max: '1h' }), '1s'), {
      description: 'How often to look for changes where the file system does not report them.',
      example: '5s',
    }),
    maxBody: option(z.prefault(size(), '1MiB'), {
      description: 'How large one file may be. A larger one is an error, so that memory stays bounded.',
      example: '64KiB',
    }),
    maxSecrets: maxSecrets(),
    ...calls(),
  })
