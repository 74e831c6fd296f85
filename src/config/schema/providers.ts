import * as z from 'zod/mini'
import { providerNameExpected, providerNamePattern, variableExpected, variablePattern } from '../names.ts'
import { count, duration, path, size, source, text } from './fields.ts'
import { option, section } from './option.ts'
import { backendUrl } from './url.ts'

/** A field name (RFC 9110, section 5.1). */
const headerPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Names that the connection decides, or `token`. */
const reservedHeader =
  /^(?:authorization|connection|content-length|expect|host|keep-alive|proxy-authorization|te|trailer|transfer-encoding|upgrade)$/i
const headerExpected =
  'the name of a header, other than Authorization (use token), Host and those that belong to the connection'

const headerName = text(headerPattern, headerExpected).check(
  z.refine((name) => !reservedHeader.test(name), { error: headerExpected }),
)

const maxSecrets = () =>
  option(z.prefault(count(1, 1_000_000), 10_000), {
    description:
      'How many secrets one answer may hold. A larger answer is an error, so that memory stays bounded.',
    example: 500,
  })

/** What bounds the calls to a backend, whichever kind it is. */
const calls = () => ({
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

const http = section({
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
  ca: option(z.optional(source('text')), {
    description: 'The certificate authorities to trust, in PEM, in place of the usual ones.',
    fallback: "those that Node trusts; in the image the system's too",
    example: { file: '/etc/ssl/platform-ca.pem' },
  }),
  headers: option(z.optional(z.record(headerName, source('credential'))), {
    description: 'Further headers of each request.',
    type: 'mapping of header name to string source',
    fallback: 'none',
    example: { 'X-Api-Key': { file: '/run/secrets/api-key' } },
  }),
  timeout: option(z.prefault(duration({ min: '1ms', max: '5m' }), '5s'), {
    description: 'How long one fetch may take, from connecting to the last byte.',
    example: '2s',
  }),
  maxBody: option(z.prefault(size(), '1MiB'), {
    description: 'How large one answer may be. A larger one is an error, so that memory stays bounded.',
    example: '4MiB',
  }),
  maxRemembered: option(z.prefault(size(), '16MiB'), {
    description:
      'How much memory the answers take that are kept for conditional requests (`ETag`). Beyond it the oldest are forgotten, which costs a full answer; one that is larger is not kept.',
    example: '1MiB',
  }),
  maxSecrets: maxSecrets(),
  ...calls(),
})

const file = section({
  type: option(z.literal('file'), { description: 'Reads a directory or a file.', example: 'file' }),
  path: option(path(), {
    description:
      'A directory with one secret a file, as Kubernetes mounts them, or one file with many secrets.',
    example: '/etc/secrets',
  }),
  format: option(z.prefault(z.enum(['auto', 'directory', 'json', 'yaml', 'dotenv']), 'auto'), {
    description: "What the path holds. `auto` looks whether it is a directory, and at the file's extension.",
    example: 'json',
  }),
  poll: option(z.prefault(duration({ min: '100ms', max: '1h' }), '1s'), {
    description: 'How often to look for changes where the file system does not report them.',
    example: '5s',
  }),
  maxBody: option(z.prefault(size(), '1MiB'), {
    description: 'How large one file may be. A larger one is an error, so that memory stays bounded.',
    example: '64KiB',
  }),
  maxSecrets: maxSecrets(),
  ...calls(),
})

const env = section({
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

export const provider = z.discriminatedUnion('type', [http, file, env], {
  error: (issue) => (issue.code === 'invalid_union' ? undefined : 'a mapping with the key type'),
})

export const providers = z.record(text(providerNamePattern, providerNameExpected), provider, {
  error: (issue) => (issue.code === 'invalid_type' ? 'a mapping of provider names to providers' : undefined),
})
