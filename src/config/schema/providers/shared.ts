/** The options that several kinds of provider have. */
import * as z from 'zod/mini'
import { count, duration, size, source } from '../fields.ts'
import { option } from '../option.ts'

export const maxSecrets = () =>
  option(z.prefault(count(1, 1_000_000), 10_000), {
    description:
      'How many secrets one answer may hold. A larger answer is an error, so that memory stays bounded.',
    example: 500,
  })

export const timeout = (fallback: string) =>
  option(z.prefault(duration({ min: '1ms', max: '5m' }), fallback), {
    description: 'How long one request may take, from connecting to the last byte.',
    example: '2s',
  })

export const maxBody = (fallback: string) =>
  option(z.prefault(size(), fallback), {
    description: 'How large one answer may be. A larger one is an error, so that memory stays bounded.',
    example: '4MiB',
  })

export const ca = () =>
  option(z.optional(source('text')), {
    description: 'The certificate authorities to trust, in PEM, in place of the usual ones.',
    fallback: 'those that Node trusts; in the image those in `/etc/ssl/certs`',
    example: { file: '/etc/ssl/platform-ca.pem' },
  })

/** What bounds the calls to a backend, whichever kind it is. */
export const calls = () => ({
  maxCallsPerSecond: option(z.prefault(count(1, 1_000_000), 100), {
    description:
      'How many calls a second the provider gets at the most, on average; as many may come at once. Callers who wait go first, then secrets about to expire, then the rest.',
    example: 10,
  }),
  maxConcurrentCalls: option(z.prefault(count(1, 1_000), 8), {
    description: 'How many calls to the provider are under way at a time.',
    example: 2,
  }),
  maxQueuedCalls: option(z.prefault(count(1, 1_000_000), 1000), {
    description:
      'How many first fetches of pattern secrets, those that callers force among them, may wait for their turn. Beyond it a caller is answered 503 at once.',
    example: 100,
  }),
})
