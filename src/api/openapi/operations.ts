import type { OperationId } from '../routes/route.ts'
import { json, refTo } from './schemas.ts'

/** What the document says of a route beside what the route says itself. */
export interface Operation {
  readonly summary: string
  readonly description?: string
  readonly tag: 'secrets' | 'health' | 'meta'
  /** Parameters of the path, by name. */
  readonly path?: Readonly<Record<string, { readonly description: string; readonly example: string }>>
  /** Request headers that change the answer, by name. */
  readonly headers?: Readonly<Record<string, string>>
  /** Every answer that is no problem document, by status. */
  readonly answers: Readonly<Record<number, Answer>>
}

export interface Answer {
  readonly description: string
  /** By name. */
  readonly headers?: Readonly<Record<string, string>>
  /** By media type. */
  readonly content?: Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>
}

const itemExample = {
  name: 'db/password',
  provider: 'platform',
  version: 'h-5f0c6ad9b1e27c44',
  state: 'fresh',
  fetchedAt: '2026-11-22T15:47:00.000Z',
  ageSeconds: 42,
  nextRefreshAt: '2026-11-22T15:57:00.000Z',
  required: true,
}

const secretExample = {
  name: 'db/password',
  value: 's3cr3t',
  version: 'h-5f0c6ad9b1e27c44',
  fetchedAt: '2026-11-22T15:47:00.000Z',
  state: 'fresh',
}

const namePath = {
  name: {
    description:
      "The secret's name, at most 256 bytes of UTF-8. It may contain slashes, which may stand as they are or as `%2F`; any other reserved character is percent-encoded.",
    example: 'db/password',
  },
}

const validators = {
  ETag: 'A strong entity tag of the version in this form.',
  Age: 'Since the provider last confirmed the value, in whole seconds.',
  'Sidekeep-Version': 'The version of the value.',
  'Sidekeep-State': '`fresh` or `stale`.',
  'Cache-Control': 'Always `no-store`.',
  Vary: 'Always `Accept`.',
}

const bytes = { type: 'string', description: "Exactly the value's bytes." }

export const operations: Readonly<Record<OperationId, Operation>> = {
  listSecrets: {
    summary: 'Lists what is declared or held, without values',
    tag: 'secrets',
    answers: {
      200: {
        description: 'The secrets, by name.',
        content: {
          [json]: {
            schema: {
              type: 'object',
              additionalProperties: false,
              required: ['secrets'],
              properties: { secrets: { type: 'array', items: refTo('SecretItem') } },
            },
            example: { secrets: [itemExample] },
          },
        },
      },
    },
  },
  getSecret: {
    summary: 'Gets a value',
    description:
      'From memory: no backend is asked, except for the first fetch of a secret that a pattern covers, and with `refresh`. Without `format` the header Accept chooses the form, JSON where it has no preference.',
    tag: 'secrets',
    path: namePath,
    headers: {
      'If-None-Match':
        'Entity tags that the caller holds; 304 where one names the version that would be sent.',
    },
    answers: {
      200: {
        description: 'The value.',
        headers: validators,
        content: {
          [json]: { schema: refTo('Secret'), example: secretExample },
          'text/plain': { schema: bytes, example: 's3cr3t' },
          'application/octet-stream': { schema: { ...bytes, contentMediaType: 'application/octet-stream' } },
        },
      },
      304: { description: 'The caller holds this version.', headers: validators },
    },
  },
  refreshSecret: {
    summary: 'Fetches one secret now',
    description:
      'Joins a fetch that is under way. A failure leaves what is held as it is. A body is ignored.',
    tag: 'secrets',
    path: namePath,
    answers: {
      200: {
        description: 'How the secret stands now.',
        content: {
          [json]: { schema: refTo('RefreshOutcome'), example: { ...itemExample, outcome: 'rotated' } },
        },
      },
    },
  },
  refreshSecrets: {
    summary: 'Fetches everything now',
    description: 'Everything that is declared or held. A body is ignored.',
    tag: 'secrets',
    answers: {
      200: {
        description: 'How each secret stands now, also where its refresh failed.',
        content: {
          [json]: {
            schema: {
              type: 'object',
              additionalProperties: false,
              required: ['secrets'],
              properties: { secrets: { type: 'array', items: refTo('RefreshOutcome') } },
            },
            example: { secrets: [{ ...itemExample, outcome: 'unchanged' }] },
          },
        },
      },
    },
  },
  ...probeOperations('live', 'liveCheck', 'The event loop turns'),
  ...probeOperations('healthy', 'healthyCheck', 'The event loop turns; another name for /livez'),
  ...probeOperations('started', 'startedCheck', 'All required secrets were loaded once'),
  ...probeOperations('ready', 'readyCheck', 'Required secrets are held, listeners up, not shutting down'),
  getMetrics: {
    summary: 'Metrics for Prometheus',
    tag: 'meta',
    answers: {
      200: {
        description: "Prometheus' text format, version 0.0.4.",
        content: { 'text/plain': { schema: { type: 'string' } } },
      },
    },
  },
  getOpenApi: {
    summary: 'This document',
    tag: 'meta',
    answers: { 200: { description: 'OpenAPI 3.1.', content: { [json]: { schema: { type: 'object' } } } } },
  },
}

function probeOperations<Whole extends OperationId, Single extends OperationId>(
  whole: Whole,
  single: Single,
  summary: string,
): Record<Whole | Single, Operation> {
  const answers = {
    200: {
      description: 'The probe passes.',
      content: { 'text/plain': { schema: { type: 'string' }, example: 'ok' } },
    },
    503: {
      description: 'A check failed; one line for each check.',
      content: {
        'text/plain': {
          schema: { type: 'string' },
          example: '[-]required-secrets-held failed\n[+]listeners ok\nreadyz check failed\n',
        },
      },
    },
  }
  const check = { description: 'The name of a check, as `?verbose` shows it.', example: 'listeners' }
  const operation: Operation = { summary, tag: 'health', answers }
  const ofCheck: Operation = { summary: `One check of: ${summary}`, tag: 'health', path: { check }, answers }
  return { [whole]: operation, [single]: ofCheck } as Record<Whole | Single, Operation>
}
