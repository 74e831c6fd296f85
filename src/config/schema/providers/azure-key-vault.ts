import * as z from 'zod/mini'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const azureKeyVault = section({
  type: option(z.literal('azure-key-vault'), {
    description: 'Reads Azure Key Vault.',
    example: 'azure-key-vault',
  }),
  ...calls(),
})
