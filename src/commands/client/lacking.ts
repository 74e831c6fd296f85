import { type ClientOptions, createClient } from '../client.ts'

/** How many are named; what lacks all of a hundred lacks its provider. */
const mostNames = 10
/** How long their names are waited for, in milliseconds: they are said beside what is known already. */
const patience = 1_000

/**
 * Which required secrets a sidecar does not hold, in words: health names none, since everybody may ask for it. Undefined
 * where there are none, or who asks may not know them.
 */
export async function lackingSecrets(options: ClientOptions): Promise<string | undefined> {
  try {
    const answer = await createClient(options, patience).get('/v1/secrets')
    if (answer.status !== 200) return undefined
    const { secrets } = JSON.parse(answer.body.toString('utf8')) as {
      secrets: { name: string; state: string; required: boolean }[]
    }
    const lacking = secrets.filter(
      ({ state, required }) => required && state !== 'fresh' && state !== 'stale',
    )
    const named = lacking.slice(0, mostNames).map(({ name, state }) => `${name} (${state})`)
    const more = lacking.length - named.length
    return named.length === 0 ? undefined : `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  } catch {
    return undefined
  }
}
