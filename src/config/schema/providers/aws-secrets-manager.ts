import * as z from 'zod/mini'
import { text } from '../fields.ts'
import { option, section } from '../option.ts'
import { identity } from './aws-shared.ts'
import { ca, calls, maxBody, maxSecrets, timeout } from './shared.ts'

/** Without `name`, which the patterns of the configuration say. */
const filterKeys = ['all', 'description', 'owning-service', 'primary-region', 'tag-key', 'tag-value'] as const
const filterKeyExpected = `one of ${filterKeys.join(', ')}`
const filterValueExpected =
  '1 to 512 letters, digits, spaces and :_@/+=.-, with an optional "!" ahead of them'
const filterValuesExpected = 'a list of 1 to 10 values'
const filtersExpected = 'a list of at most 8 filters'

const filter = () =>
  section({
    key: option(z.enum(filterKeys, { error: filterKeyExpected }), {
      description: 'What is looked at.',
      type: filterKeys.join(', '),
      example: 'tag-key',
    }),
    values: option(
      z
        .array(text(/^!?[\w :@/+=.-]{1,512}$/, filterValueExpected), { error: filterValuesExpected })
        .check(
          z.minLength(1, { error: filterValuesExpected }),
          z.maxLength(10, { error: filterValuesExpected }),
        ),
      {
        description: 'How it begins: any of these, or with `!` ahead, not like this.',
        type: 'list of text',
        example: ['team'],
      },
    ),
  })

export const awsSecretsManager = () =>
  section({
    type: option(z.literal('aws-secrets-manager'), {
      description: 'Reads AWS Secrets Manager.',
      example: 'aws-secrets-manager',
    }),
    ...identity('SECRETS_MANAGER'),
    ca: ca(),
    filters: option(
      z.optional(
        z.array(filter(), { error: filtersExpected }).check(z.maxLength(8, { error: filtersExpected })),
      ),
      {
        description:
          'Which secrets patterns discover, beside their names: those that all filters let through.',
        type: 'list of filters',
        fallback: 'all whose names fit',
        example: [{ key: 'tag-key', values: ['team'] }],
      },
    ),
    timeout: timeout('10s'),
    maxBody: maxBody('4MiB'),
    maxSecrets: maxSecrets(),
    ...calls(),
  })
