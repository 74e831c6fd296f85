import type { OperationId } from '../routes/route.ts'
import { eventExample, explanationExample, itemExample, secretExample } from './examples.ts'
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
  /** What is sent as a JSON body. */
  readonly body?: { readonly schema: object; readonly example: unknown }
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

const preferenceApplied = {
  'Preference-Applied': '`wait=N`: for how many seconds a preference was honoured (api.maxWait bounds it).',
}

const bytes = { type: 'string', description: "Exactly the value's bytes." }

export const operations: Readonly<Record<OperationId, Operation>> = {
  listSecrets: {
    summary: 'Lists what is declared or held, without values',
    description: 'Of that, what the caller may know of. Takes the right `list`.',
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
      'From memory: no backend is asked, except for the first fetch of a secret that a pattern covers, and with `refresh`. Without `format` the header Accept chooses the form, JSON where it has no preference. With `wait` it is answered when there is another version than `If-None-Match` names, at the deadline with what a plain read gets; so is a secret that is not loaded or expired. Takes the right `read`; to wait takes `watch` too (a preference of whoever has not is passed over), `refresh` takes `refresh`.',
    tag: 'secrets',
    path: namePath,
    headers: {
      'If-None-Match':
        'Entity tags that the caller holds; 304 where one names the version that would be sent.',
      Prefer:
        '`wait=30`: for how many seconds to wait for a change (RFC 7240); the query parameter `wait` goes before it.',
    },
    answers: {
      200: {
        description: 'The value.',
        headers: { ...validators, ...preferenceApplied },
        content: {
          [json]: { schema: refTo('Secret'), example: secretExample },
          'text/plain': { schema: bytes, example: 's3cr3t' },
          'application/octet-stream': { schema: { ...bytes, contentMediaType: 'application/octet-stream' } },
        },
      },
      304: {
        description: 'The caller holds this version, also after the time to wait for another.',
        headers: { ...validators, ...preferenceApplied },
      },
    },
  },
  refreshSecret: {
    summary: 'Fetches one secret now',
    description:
      'Joins a fetch that is under way. A failure leaves what is held as it is. A body is ignored. Takes the right `refresh`.',
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
    description:
      'Everything that is declared or held and the caller may know of. A body is ignored. Takes the right `refresh`.',
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
  rejectSecret: {
    summary: 'Says that a backend refused this version',
    description:
      'Where it is the version held, the secret is fetched again now, once for all who say so; else the newer version is held already. A failure leaves what is held as it is. Takes the right `refresh`.',
    tag: 'secrets',
    path: namePath,
    body: { schema: refTo('Rejection'), example: { version: '7' } },
    answers: {
      200: {
        description: 'The version that is held now.',
        content: { [json]: { schema: refTo('RejectionOutcome'), example: { version: '8', changed: true } } },
      },
    },
  },
  explainSecret: {
    summary: 'Says why a secret is as it is, and what happens next',
    description: 'Takes the right `list`.',
    tag: 'secrets',
    path: namePath,
    answers: {
      200: {
        description: 'All that is known of it but its value. What is not known is null.',
        content: { [json]: { schema: refTo('Explanation'), example: explanationExample } },
      },
    },
  },
  quit: {
    summary: 'Ends the sidecar',
    description:
      'As SIGTERM does, in order and with exit code 0: answers under way are sent, and `shutdown.linger` is kept. For a Job whose application has done its work. Asking again changes nothing. A body is ignored. Takes the right `control`, which nobody has unless `rights` name it.',
    tag: 'meta',
    answers: {
      202: {
        description: 'The stop has begun.',
        content: {
          [json]: {
            schema: {
              type: 'object',
              additionalProperties: false,
              required: ['stopping'],
              properties: { stopping: { type: 'boolean', const: true } },
            },
            example: { stopping: true },
          },
        },
      },
    },
  },
  watchEvents: {
    summary: 'Streams what happens to secrets',
    description:
      'Server-sent events: `rotated`, `stale`, `recovered`, `expired`, `gone`, never a value. `reset` says that what was missed cannot be told: read everything again. A comment comes at once and every 15 s. A reader that takes nothing while more than 64 KiB wait for it is cut off. Only of secrets that the caller may know of; when it is no longer let in as it was, the stream ends. Takes the right `watch`.',
    tag: 'secrets',
    headers: { 'Last-Event-ID': 'The id of the last event that was seen; what came after it comes first.' },
    answers: {
      200: {
        description: 'The stream, until either side ends it.',
        content: {
          'text/event-stream': {
            schema: { type: 'string', description: 'Each `data` is an `Event`.' },
            example: eventExample,
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
    description: 'For whoever may know of all secrets, since they name them. Takes the right `list`.',
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
