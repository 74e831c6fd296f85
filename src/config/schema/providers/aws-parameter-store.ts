import * as z from 'zod/mini'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const awsParameterStore = section({
  type: option(z.literal('aws-parameter-store'), {
    description: 'Reads the Parameter Store of AWS Systems Manager.',
    example: 'aws-parameter-store',
  }),
  ...calls(),
})
