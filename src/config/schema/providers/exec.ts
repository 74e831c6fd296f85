import * as z from 'zod/mini'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const exec = section({
  type: option(z.literal('exec'), { description: 'Runs a program that prints secrets.', example: 'exec' }),
  ...calls(),
})
