import { CodedError } from '../../errors.ts'
import { type ClientOptions, createClient } from '../client.ts'

/** How many are named; what lacks all of a hundred lacks its provider. */
const mostNames = 10

/**
 * Which required secrets a sidecar does not hold, as a sentence: health names none, since everybody may ask for it. Or why
 * it cannot be asked, where that is the fault of who asks: a token that cannot be read. Undefined where there are none, or
 * who asks may not know them.
 *
 * @param timeoutMs how long that may take in all
 */
export async function lackingSecrets(options: ClientOptions, timeoutMs: number): Promise<string | undefined> {
  try {
    const answer = await createClient(options, timeoutMs).get('/v1/secrets')
    if (answer.status !== 200) return undefined
    const { secrets } = JSON.parse(answer.body.toString('utf8')) as {
      secrets: { name: string; state: string; required: boolean }[]
    }
    const lacking = secrets.filter(
      ({ state, required }) => required && state !== 'fresh' && state !== 'stale',
    )
    const named = lacking.slice(0, mostNames).map(({ name, state }) => `${name} (${state})`)
    const more = lacking.length - named.length
    return named.length === 0
      ? undefined
      : `Not held: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  } catch (error) {
    // That nobody answers is said already.
    if (!(error instanceof CodedError) || error.code === 'SIDEKEEP_UNREACHABLE') return undefined
    return `Which secrets are lacking is not known: ${error.message}`
  }
}
