import * as z from 'zod/mini'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const vault = section({
  type: option(z.literal('vault'), { description: 'Reads HashiCorp Vault or OpenBao.', example: 'vault' }),
  ...calls(),
})
