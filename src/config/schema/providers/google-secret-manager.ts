import * as z from 'zod/mini'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const googleSecretManager = section({
  type: option(z.literal('google-secret-manager'), {
    description: 'Reads Google Secret Manager.',
    example: 'google-secret-manager',
  }),
  ...calls(),
})
