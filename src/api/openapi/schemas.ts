import { problemType } from '../../problem.ts'
import { changeKinds } from '../../secrets/change-feed.ts'
import { secretStates } from '../../secrets/reading.ts'

/** JSON Schemas of what the API sends, by the names that the document gives them. */

const version = {
  type: 'string',
  description: "The provider's version, or a hash of the content where it has none.",
} as const
const fetchedAt = {
  type: 'string',
  format: 'date-time',
  description: 'When this version was fetched.',
} as const

export const secretSchema = {
  $id: 'Secret',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'value', 'version', 'fetchedAt', 'state'],
  properties: {
    name: { type: 'string' },
    value: { type: 'string', description: 'The value; base64 where `encoding` says so.' },
    encoding: { type: 'string', enum: ['base64'], description: 'There where the value is no UTF-8 text.' },
    version,
    fetchedAt,
    state: { type: 'string', enum: ['fresh', 'stale'] },
  },
} as const

const itemProperties = {
  name: { type: 'string' },
  provider: {
    type: ['string', 'null'],
    description:
      'Where the value that is held is from; where none is, the provider that is asked first. Null of a composed secret.',
  },
  version: { ...version, type: ['string', 'null'] },
  state: { type: 'string', enum: secretStates },
  fetchedAt: { ...fetchedAt, type: ['string', 'null'] },
  ageSeconds: { type: ['integer', 'null'], description: 'Since the provider last confirmed the value.' },
  nextRefreshAt: { type: ['string', 'null'], format: 'date-time' },
  required: { type: 'boolean', description: 'Whether readiness depends on it.' },
} as const

export const secretItemSchema = {
  $id: 'SecretItem',
  type: 'object',
  additionalProperties: false,
  required: Object.keys(itemProperties),
  properties: itemProperties,
} as const

export const refreshOutcomeSchema = {
  $id: 'RefreshOutcome',
  type: 'object',
  description:
    'How a secret stands after a refresh. Only `name` and `outcome` are there where nothing is known of it.',
  additionalProperties: false,
  required: ['name', 'outcome'],
  properties: {
    ...itemProperties,
    outcome: { type: 'string', enum: ['rotated', 'unchanged', 'not-found', 'failed'] },
    code: {
      type: 'string',
      description: 'Why there is no new value: the code that the secret alone would have had.',
    },
    detail: { type: 'string' },
  },
} as const

export const rejectionSchema = {
  $id: 'Rejection',
  type: 'object',
  additionalProperties: false,
  required: ['version'],
  properties: { version: { type: 'string', minLength: 1, description: 'The version that was refused.' } },
} as const

export const rejectionOutcomeSchema = {
  $id: 'RejectionOutcome',
  type: 'object',
  additionalProperties: false,
  required: ['version', 'changed'],
  properties: {
    version,
    changed: { type: 'boolean', description: 'Whether it is another than the one that was refused.' },
  },
} as const

export const eventSchema = {
  $id: 'Event',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'event', 'name', 'version', 'time'],
  properties: {
    id: { type: 'string', description: 'Another for each event, also after a restart.' },
    event: { type: 'string', enum: changeKinds },
    name: { type: 'string' },
    version: { ...version, type: ['string', 'null'] },
    time: { type: 'string', format: 'date-time' },
  },
} as const

const time = { type: ['string', 'null'], format: 'date-time' } as const
const text = { type: ['string', 'null'] } as const
const count = { type: 'integer', minimum: 0 } as const

const lastError = {
  type: ['object', 'null'],
  additionalProperties: false,
  required: ['kind', 'reason', 'message', 'at'],
  properties: {
    kind: { type: 'string', enum: ['missing', 'denied', 'throttled', 'unavailable'] },
    reason: { type: 'string' },
    message: { type: 'string' },
    at: time,
  },
} as const

const breaker = {
  type: 'object',
  additionalProperties: false,
  required: ['state', 'cause', 'nextProbeAt'],
  properties: {
    state: { type: 'string', enum: ['closed', 'open', 'half-open'] },
    cause: text,
    nextProbeAt: time,
  },
} as const

const partProperties = {
  name: { type: 'string' },
  state: { type: 'string', enum: secretStates },
  version: text,
  ageSeconds: { type: ['integer', 'null'] },
} as const

const placeProperties = {
  provider: { type: 'string' },
  key: { type: 'string' },
  field: text,
  serves: { type: 'boolean', description: 'Whether what is held is from here.' },
  lastError: {
    ...lastError,
    description: 'Why it brought nothing when it was last asked; null where it did.',
  },
  breaker,
} as const

const explanationProperties = {
  name: { type: 'string' },
  rule: { type: 'string', description: 'The rule that names it: the name itself, or a pattern.' },
  provider: {
    ...text,
    description:
      'Where what is held is from; where nothing is, the provider that is asked first. Null of a composed secret, as is `key`.',
  },
  key: { ...text, description: "The provider's name for it." },
  field: text,
  fallback: {
    type: ['array', 'null'],
    description:
      'The places that it may come from, in the order in which they are asked; null where there is one only.',
    items: {
      type: 'object',
      additionalProperties: false,
      required: Object.keys(placeProperties),
      properties: placeProperties,
    },
  },
  parts: {
    type: ['array', 'null'],
    description: 'What it is composed of; null where it is fetched.',
    items: {
      type: 'object',
      additionalProperties: false,
      required: Object.keys(partProperties),
      properties: partProperties,
    },
  },
  state: {
    type: 'string',
    enum: [...secretStates, 'undiscovered'],
    description: '`undiscovered`: only a pattern names it, and nobody has asked for it yet.',
  },
  required: { type: 'boolean' },
  version: { ...version, type: ['string', 'null'] },
  ageSeconds: { type: ['integer', 'null'], description: 'Since the provider last confirmed the value.' },
  refreshSeconds: { type: 'number', description: 'The refresh interval of its rule.' },
  freshSeconds: {
    type: 'number',
    description: "How long a value is fresh: the refresh interval, or the provider's shorter ttl.",
  },
  maxStaleSeconds: { type: 'number' },
  lease: {
    type: ['object', 'null'],
    additionalProperties: false,
    required: ['renewable', 'endsAt'],
    properties: { renewable: { type: 'boolean' }, endsAt: time },
  },
  fetchedAt: { ...fetchedAt, type: ['string', 'null'] },
  lastSuccessAt: time,
  lastError: { ...lastError, description: 'Kept after a success too.' },
  failures: { ...count, description: 'How many attempts have failed in a row, for this secret.' },
  nextAttemptAt: time,
  expiresAt: time,
  fetching: { type: 'boolean', description: 'A call for it is under way, or waits for its turn.' },
  breaker,
  callersWaiting: { ...count, description: 'How many callers wait for a call for it.' },
  waiters: { ...count, description: 'How many callers wait for it to change.' },
} as const

export const explanationSchema = {
  $id: 'Explanation',
  type: 'object',
  additionalProperties: false,
  required: Object.keys(explanationProperties),
  properties: explanationProperties,
} as const

export const problemSchema = {
  $id: 'Problem',
  type: 'object',
  description: 'RFC 9457.',
  additionalProperties: false,
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string', description: '`urn:sidekeep:problem:` and the code in lower case.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'What to branch on. Never reused, never renamed.' },
  },
} as const

export const namedSchemas = [
  secretSchema,
  secretItemSchema,
  refreshOutcomeSchema,
  rejectionSchema,
  rejectionOutcomeSchema,
  eventSchema,
  explanationSchema,
  problemSchema,
] as const

type SchemaName = (typeof namedSchemas)[number]['$id']

export const refTo = (name: SchemaName): { $ref: string } => ({ $ref: `${name}#` })

export const json = 'application/json'
export const problemJson = problemType
