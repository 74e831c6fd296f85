import { type Answer, type ClientOptions, createHealthClient, problemOf } from '../client.ts'

/** What a probe said. */
export interface Health {
  readonly passed: boolean
  /** Its lines; of whatever else answered only what that was. */
  readonly text: string
}

/**
 * Asks a probe of a sidecar.
 *
 * @param timeoutMs how long that may take in all
 * @throws SIDEKEEP_UNREACHABLE, SIDEKEEP_USAGE and SIDEKEEP_CREDENTIAL_UNREADABLE
 */
export async function askHealth(options: ClientOptions, probe: string, timeoutMs: number): Promise<Health> {
  const answer = await createHealthClient(options, timeoutMs).get(`/${probe}`)
  return { passed: answer.status === 200, text: textOf(answer) }
}

function textOf(answer: Answer): string {
  const isHealth = /^text\/plain\b/.test(answer.headers['content-type'] ?? '')
  if (isHealth && (answer.status === 200 || answer.status === 503)) {
    return answer.body.toString('utf8').trim()
  }
  // A page of another program that took the port would fill the log that this goes to.
  const { code, detail } = problemOf(answer)
  return `${detail} (${code})`
}
