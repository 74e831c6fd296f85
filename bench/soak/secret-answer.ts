/** What an answer to a read of a secret says, held against the oracle. */
import type { Answer } from './client.ts'
import type { Contract } from './contract.ts'
import type { Findings } from './findings.ts'
import type { Look, Oracle, Served } from './oracle.ts'
import type { Tags } from './tags.ts'
import { field as jsonField, wholeOf } from './values.ts'

/** A value that a caller holds, with the tag to ask whether it is still current. */
export interface Kept {
  readonly etag: string
  readonly value: Buffer
  readonly version: string | undefined
}

export interface Judges {
  readonly oracle: Oracle
  readonly tags: Tags
  readonly contract: Contract
  readonly findings: Findings
}

export interface ReadOptions {
  readonly look: Look
  /** Path, query and what else chose the form: for what a tag stands for. */
  readonly target: string
  readonly route: string
  /** The caller asked for the field of a JSON value. */
  readonly picked?: boolean
  /** What the caller held when it asked, where it said so. */
  readonly kept?: Kept | undefined
}

/** Judges an answer to a read. @returns what the caller holds now; undefined where it got no value */
export function judgeRead(judges: Judges, options: ReadOptions, answer: Answer): Kept | undefined {
  const { oracle, contract, findings, tags } = judges
  const { look, target, route, kept } = options
  const code = contract.judge(route, answer)
  const { status, endedAt } = answer
  if (status === 304) {
    if (kept === undefined || answer.headers.etag === undefined) {
      findings.add('a 304 that nobody asked for', target)
      return undefined
    }
    oracle.served(look, whole(options, { ...said(answer), value: kept.value, version: kept.version }))
    return kept
  }
  if (status === 404 && code === 'SIDEKEEP_SECRET_NOT_FOUND') oracle.notFound(look, endedAt)
  if (status === 404 && code === 'SIDEKEEP_FIELD_NOT_FOUND')
    findings.add('a field that was not found', target)
  if (code === 'SIDEKEEP_SECRET_EXPIRED' || code === 'SIDEKEEP_SECRET_NOT_LOADED') {
    oracle.unavailable(look, code, endedAt)
    if (answer.headers['retry-after'] === undefined) findings.add('a 503 without Retry-After', target)
  }
  if (status !== 200) return undefined
  const { etag } = answer.headers
  if (etag === undefined) findings.add('a value without ETag', target)
  const served = readValue(judges, options, answer)
  if (served === undefined) return undefined
  oracle.served(look, whole(options, served))
  if (etag === undefined) return undefined
  tags.saw(target, etag, answer.body)
  return { etag, value: served.value, version: served.version }
}

function readValue({ contract, findings }: Judges, { look, target }: ReadOptions, answer: Answer) {
  const base = said(answer)
  if (answer.headers['content-type']?.startsWith('application/json') !== true) {
    return { ...base, value: answer.body }
  }
  const json = contract.json(target, answer.body)
  if (json === undefined) return undefined
  const { name, value, version, encoding, state } = json
  const isRight =
    name === look.subject.name &&
    typeof value === 'string' &&
    version === base.version &&
    state === base.state
  if (!isRight) {
    findings.add('a JSON body that does not go with its headers', target)
    return undefined
  }
  return { ...base, value: Buffer.from(value, encoding === 'base64' ? 'base64' : 'utf8') }
}

function said({ headers, endedAt }: Answer): Omit<Served, 'value'> {
  return {
    version: headerOf(headers['sidekeep-version']),
    state: headerOf(headers['sidekeep-state']),
    age: headers.age === undefined ? undefined : Number(headers.age),
    endedAt,
  }
}

/** The oracle knows whole values: one that a caller picked from is made whole. */
function whole({ picked }: ReadOptions, served: Served): Served {
  if (picked !== true) return served
  return { ...served, value: wholeOf(jsonField, served.value) }
}

function headerOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
