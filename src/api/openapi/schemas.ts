import { problemType } from '../../problem.ts'
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
  provider: { type: 'string' },
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

export const namedSchemas = [secretSchema, secretItemSchema, refreshOutcomeSchema, problemSchema] as const

type SchemaName = (typeof namedSchemas)[number]['$id']

export const refTo = (name: SchemaName): { $ref: string } => ({ $ref: `${name}#` })

export const json = 'application/json'
export const problemJson = problemType
