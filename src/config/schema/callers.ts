import * as z from 'zod/mini'
import { globExpected, isGlob, providerNameExpected, providerNamePattern } from '../names.ts'
import { rate, reference, text } from './fields.ts'
import { option, section } from './option.ts'

/** What a caller may do. */
export const rights = ['read', 'list', 'refresh', 'watch', 'control'] as const
const usualRights: readonly (typeof rights)[number][] = ['read', 'list', 'watch']

/** While a token is being rotated there are two; a few more do no harm. */
const mostTokens = 8

const glob = () => z.string({ error: globExpected }).check(z.refine(isGlob, { error: globExpected }))

export const allow = () =>
  z
    .array(glob(), { error: 'a list of names and patterns' })
    .check(z.minLength(1, { error: 'a list of at least one name or pattern' }))

export const rightsOption = () =>
  option(
    z.prefault(
      z
        .array(z.enum(rights), { error: `a list of ${rights.join(', ')}` })
        .check(z.minLength(1, { error: 'a list of at least one right' })),
      [...usualRights],
    ),
    {
      description:
        'What is allowed with these secrets. `read`: values. `list`: names, states and `explain`. `watch`: waiting for changes, and events. `refresh`: asking the provider now, which costs it a call, and reporting rejected versions. `control`: ending the sidecar, which ends it for all others too.',
      type: 'list of rights',
      example: ['read'],
    },
  )

export const limitOption = (whose: string, fallback = 'no limit') =>
  option(z.optional(rate()), {
    description: `How many requests ${whose} may make, on average; as many may come at once. What is beyond is answered 429.`,
    fallback,
    example: '200/s',
  })

const caller = () =>
  section({
    tokens: option(
      z
        .array(reference(), { error: 'a list of { env: NAME } or { file: PATH }' })
        .check(
          z.minLength(1, { error: 'a list of at least one token' }),
          z.maxLength(mostTokens, { error: `a list of at most ${mostTokens} tokens` }),
        ),
      {
        description:
          'Where its tokens are, each as `{ env: NAME }` or `{ file: PATH }`. Any of them lets it in, so that a token can be replaced without a gap; a file is read again when it changes. `sidekeep token` makes one.',
        type: 'list of string sources',
        example: [{ file: '/run/sidekeep/web.token' }, { env: 'WEB_TOKEN' }],
      },
    ),
    allow: option(allow(), {
      description:
        'The secrets that it may know of: names, and patterns in which each `*` stands for any characters, slashes too.',
      type: 'list of names and patterns',
      example: ['web/*', 'db-password'],
    }),
    rights: rightsOption(),
    limit: limitOption('the caller', '`api.limit`'),
  })

/** Who may ask a listener, by name. */
export const callers = () =>
  z.record(text(providerNamePattern, providerNameExpected), caller(), {
    error: (issue) => (issue.code === 'invalid_type' ? 'a mapping of caller names to callers' : undefined),
  })

export type CallerConfig = z.output<ReturnType<typeof caller>>
