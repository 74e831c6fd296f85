import * as z from 'zod/mini'
import { text } from '../fields.ts'
import { option, section } from '../option.ts'
import { identity } from './aws-shared.ts'
import { ca, calls, maxBody, maxSecrets, timeout } from './shared.ts'

const pathExpected = 'a path that begins with "/", of letters, digits and _.-'

export const awsParameterStore = () =>
  section({
    type: option(z.literal('aws-parameter-store'), {
      description: 'Reads the Parameter Store of AWS Systems Manager.',
      example: 'aws-parameter-store',
    }),
    ...identity('SSM'),
    ca: ca(),
    path: option(z.optional(text(/^\/(?:[\w.-]+\/)*[\w.-]*$/, pathExpected)), {
      description:
        'Fetches all parameters below this path together; their full names are the keys. Without it, each is asked for by its name.',
      fallback: 'none: parameters are asked for by name',
      example: '/payments/',
    }),
    timeout: timeout('10s'),
    maxBody: maxBody('1MiB'),
    maxSecrets: maxSecrets(),
    ...calls(),
  })
