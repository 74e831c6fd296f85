/** Holds every answer against what the API says of itself: its statuses, its codes, its JSON. */
import { type ErrorCode, errorTable } from '../../src/errors.ts'
import { traceOfCanary } from '../../test/support/canary-trace.ts'
import type { Answer } from './client.ts'
import type { Findings } from './findings.ts'

/** What the routes can do at the time: read from the running process, since they grow. */
export interface Features {
  readonly wait: boolean
  readonly events: boolean
  readonly rejected: boolean
  readonly explain: boolean
}

interface OpenApi {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, unknown>> }>>>
  >
}

/** Below this, an answer is no error. */
const firstError = 400

export class Contract {
  readonly #findings: Findings
  readonly #statuses = new Map<string, ReadonlySet<number>>()
  readonly features: Features

  /** @param document what /openapi.json says */
  constructor(document: unknown, findings: Findings) {
    this.#findings = findings
    const { paths } = document as OpenApi
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const statuses = Object.keys(operation.responses ?? {}).map(Number)
        this.#statuses.set(`${method.toUpperCase()} ${path}`, new Set(statuses))
      }
    }
    const getSecret = JSON.stringify(paths['/v1/secrets/{name}'] ?? {})
    this.features = {
      wait: /"wait"/.test(getSecret),
      events: '/v1/events' in paths,
      rejected: '/v1/rejected/{name}' in paths,
      explain: '/v1/explain/{name}' in paths,
    }
  }

  /**
   * Judges status and, of an error, the problem document.
   *
   * @param route method and template, as in `GET /v1/secrets/{name}`; undefined where the path is no route
   * @returns the code of an error
   */
  judge(route: string | undefined, { status, body, headers }: Answer): string | undefined {
    const place = route ?? 'no route'
    // HEAD answers as GET does.
    const statuses = route === undefined ? undefined : this.#statuses.get(route.replace(/^HEAD /, 'GET '))
    if (route !== undefined && statuses?.has(status) !== true) {
      this.#findings.add('a status that the API does not document', `${place}: ${status}`)
    }
    if (status < firstError) return undefined
    const trace = traceOfCanary(body)
    if (trace !== undefined) this.#findings.add('a value in an error', `${place}: ${status}, ${trace}`)
    if (place.startsWith('HEAD ')) return undefined
    if (headers['content-type']?.startsWith('application/problem+json') !== true) {
      this.#findings.add('an error that is no problem document', `${place}: ${status}`)
      return undefined
    }
    const code = codeOf(this.json(place, body))
    if (code === undefined || errorTable[code].status !== status) {
      this.#findings.add('an error without one of our codes', `${place}: ${status} ${code ?? ''}`)
    }
    if (code === 'SIDEKEEP_INTERNAL') this.#findings.add('a mistake inside the sidecar', place)
    return code
  }

  /** What is no secret must not hold one: lists, health, metrics, events. */
  keepsSecrets(place: string, body: Buffer | string): void {
    const trace = traceOfCanary(body)
    if (trace !== undefined) this.#findings.add('a value where none belongs', `${place}: ${trace}`)
  }

  /** JSON that parses; a finding, and undefined, where it does not. */
  json(place: string, body: Buffer): Record<string, unknown> | undefined {
    try {
      const parsed: unknown = JSON.parse(body.toString('utf8'))
      if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>
    } catch {
      // Told below; the body may hold a value.
    }
    this.#findings.add('a body that is no JSON', `${place}: ${body.length} bytes`)
    return undefined
  }
}

function codeOf(problem: Record<string, unknown> | undefined): ErrorCode | undefined {
  const code = problem?.code
  return typeof code === 'string' && code in errorTable ? (code as ErrorCode) : undefined
}
