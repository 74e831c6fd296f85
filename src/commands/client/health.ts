import { type Answer, type ClientOptions, createHealthClient, problemOf } from '../client.ts'

/** What a probe said. */
export interface Health {
  readonly passed: boolean
  /** Its lines; of whatever else answered only what that was. */
  readonly text: string
}

/** The lines of a probe (`answerProbe` of api/health.ts, without a query), as far as names of checks may be. */
const form = /^(?:ok|\[[+-]\][a-z-]{1,50} (?:ok|failed)|(?:livez|startupz|readyz) check (?:passed|failed))$/
/** More lines, or more bytes, no sidecar has to say. */
const mostLines = 50
const mostBytes = 4_096

/**
 * Asks a probe of a sidecar.
 *
 * @param timeoutMs how long that may take in all
 * @throws SIDEKEEP_UNREACHABLE, SIDEKEEP_USAGE and SIDEKEEP_CREDENTIAL_UNREADABLE
 */
export async function askHealth(options: ClientOptions, probe: string, timeoutMs: number): Promise<Health> {
  const answer = await createHealthClient(options, timeoutMs).get(`/${probe}`)
  const lines = linesOf(answer)
  if (lines !== undefined) return { passed: answer.status === 200, text: lines.join('\n') }
  // A page of another program that took the port would fill the log that this goes to, and is no sidecar that is well.
  const { code, detail } = problemOf(answer)
  return { passed: false, text: `${detail} (${code})` }
}

/** Undefined where it is no answer of a probe. */
function linesOf({ status, headers, body }: Answer): string[] | undefined {
  const isText = /^text\/plain\b/.test(headers['content-type'] ?? '')
  if (!isText || (status !== 200 && status !== 503) || body.length > mostBytes) return undefined
  const lines = body.toString('utf8').trim().split('\n')
  return lines.length <= mostLines && lines.every((line) => form.test(line)) ? lines : undefined
}
