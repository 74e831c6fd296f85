import * as z from 'zod/mini'
import { duration, size, source, text } from '../fields.ts'
import { option, section } from '../option.ts'
import { backendUrl } from '../url.ts'
import { ca, calls, maxBody, maxSecrets } from './shared.ts'

/** A field name (RFC 9110, section 5.1). */
const headerPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Names that the connection decides, or `token`. */
const reservedHeader =
  /^(?:authorization|connection|content-length|expect|host|keep-alive|proxy-authorization|te|trailer|transfer-encoding|upgrade)$/i
const headerExpected =
  'the name of a header, other than Authorization (use token), Host and those that belong to the connection'

const headerName = () =>
  text(headerPattern, headerExpected).check(
    z.refine((name) => !reservedHeader.test(name), { error: headerExpected }),
  )

export const http = () =>
  section({
    type: option(z.literal('http'), { description: 'Fetches over HTTP or HTTPS.', example: 'http' }),
    url: option(backendUrl(), {
      description:
        'The endpoint that lists all secrets; or, with `{key}` in its path or query, the endpoint of one secret.',
      example: 'https://my-secrets.platform:8080/secrets',
    }),
    token: option(z.optional(source('credential')), {
      description: 'The bearer token, sent as `Authorization: Bearer`.',
      fallback: 'no Authorization header',
      example: { env: 'AUTH_TOKEN' },
    }),
    ca: ca(),
    headers: option(z.optional(z.record(headerName(), source('credential'))), {
      description: 'Further headers of each request.',
      type: 'mapping of header name to string source',
      fallback: 'none',
      example: { 'X-Api-Key': { file: '/run/secrets/api-key' } },
    }),
    timeout: option(z.prefault(duration({ min: '1ms', max: '5m' }), '5s'), {
      description: 'How long one fetch may take, from connecting to the last byte.',
      example: '2s',
    }),
    maxBody: maxBody('1MiB'),
    maxRemembered: option(z.prefault(size(), '16MiB'), {
      description:
        'How much memory the answers take that are kept for conditional requests (`ETag`). Beyond it the oldest are forgotten, which costs a full answer; one that is larger is not kept.',
      example: '1MiB',
    }),
    maxSecrets: maxSecrets(),
    ...calls(),
  })
