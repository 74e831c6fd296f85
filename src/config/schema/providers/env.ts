import * as z from 'zod/mini'
import { variableExpected, variablePattern } from '../../names.ts'
import { text } from '../fields.ts'
import { option, section } from '../option.ts'
import { calls } from './shared.ts'

export const env = () =>
  section({
    type: option(z.literal('env'), {
      description: "Takes the sidecar's own environment variables.",
      example: 'env',
    }),
    prefix: option(text(variablePattern, variableExpected), {
      description: 'The variables that begin with it are the secrets; the rest of the name is the key.',
      example: 'APP_',
    }),
    ...calls(),
  })
