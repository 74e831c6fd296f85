/** Who asks in these tests, and with which tokens: each of them is something that no output may carry. */

/** How somebody asks: as one of the callers, with a token that is nobody's, or with none. */
export type Who = 'all' | 'few' | 'limited' | 'stranger' | 'nobody'

const tokens = {
  all: 'CANARY-token-of-all-7c1f0e93b2a84d56',
  few: 'CANARY-token-of-few-25d0b8e1f6a3947c',
  limited: 'CANARY-token-of-limited-91e4c7d20fb5a368',
  stranger: 'CANARY-token-of-nobody-3af86d15c09e27b4',
} as const

/** The variables that the tokens of the callers come from. */
export const tokenVariables = {
  ALL_TOKEN: tokens.all,
  FEW_TOKEN: tokens.few,
  LIMITED_TOKEN: tokens.limited,
} as const

/** As the configuration has them. `few` may read what is called `other-*` and nothing else. */
export const callers = {
  all: {
    tokens: [{ env: 'ALL_TOKEN' }],
    allow: ['*'],
    rights: ['read', 'list', 'watch', 'refresh', 'control'],
  },
  few: { tokens: [{ env: 'FEW_TOKEN' }], allow: ['other-*'], rights: ['read'] },
  limited: { tokens: [{ env: 'LIMITED_TOKEN' }], allow: ['*'], limit: '1/h' },
} as const

/** The headers of a request of theirs. */
export function headersOf(who: Who): Readonly<Record<string, string>> {
  return who === 'nobody' ? {} : { authorization: `Bearer ${tokens[who]}` }
}
