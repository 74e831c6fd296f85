import * as z from 'zod/mini'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const onepasswordConnect = section({
  type: option(z.literal('onepassword-connect'), {
    description: 'Reads a 1Password Connect server.',
    example: 'onepassword-connect',
  }),
  ...calls(),
})
