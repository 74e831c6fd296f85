import * as z from 'zod/mini'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const awsSecretsManager = section({
  type: option(z.literal('aws-secrets-manager'), {
    description: 'Reads AWS Secrets Manager.',
    example: 'aws-secrets-manager',
  }),
  ...calls(),
})
