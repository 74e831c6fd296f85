import * as z from 'zod/mini'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const kubernetes = section({
  type: option(z.literal('kubernetes'), {
    description: 'Reads, and watches, the Secrets of a Kubernetes API server.',
    example: 'kubernetes',
  }),
  ...calls(),
})
