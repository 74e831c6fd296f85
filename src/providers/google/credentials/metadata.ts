import { ProviderError } from '../../../secrets/provider.ts'
import type { Answer } from '../../shared/http/exchange.ts'
import { retryAfterMs } from '../../shared/http/retry-after.ts'
import { isProject } from '../key.ts'
import { isObject, jsonIn } from './json.ts'
import { asToken, type Token } from './session.ts'
import type { Transport } from './transport.ts'

/** Resolved by the machine itself on Google Cloud, where the name of a host cannot be taken over by a DNS server. */
const usualHost = 'metadata.google.internal'

const hostForm = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

/**
 * The server that tells a machine of Google Cloud, or a pod with Workload Identity, who it is. Asked by us and not by
 * the library, which probes fixed addresses beside it, sends such requests through HTTPS_PROXY, and cannot be told to
 * stop.
 */
export class Metadata {
  readonly #origin: string
  readonly #name: string
  readonly #transport: Transport

  /** @param name the provider's. Throws a ProviderError where the environment rules a metadata server out. */
  constructor(name: string, env: NodeJS.ProcessEnv, transport: Transport) {
    const host = env.GCE_METADATA_HOST || env.GCE_METADATA_IP || usualHost
    this.#name = name
    this.#transport = transport
    this.#origin = `http://${host}`
    if (env.METADATA_SERVER_DETECTION === 'none')
      throw this.#noCredentials('METADATA_SERVER_DETECTION is none')
    if (!hostForm.test(host) || !URL.canParse(this.#origin)) {
      throw this.#noCredentials('GCE_METADATA_HOST is no host name')
    }
  }

  /** The token of the service account that is attached. */
  async token(): Promise<Token> {
    const { body, place } = await this.#get('instance/service-accounts/default/token')
    const answer = jsonIn(body)
    const { access_token: token, expires_in: seconds } = isObject(answer) ? answer : {}
    const result = asToken(token, typeof seconds === 'number' ? seconds * 1000 : undefined)
    if (result === undefined) throw malformed(place)
    return result
  }

  /** The ID of the project that the machine belongs to. */
  async project(): Promise<string> {
    const { body, place } = await this.#get('project/project-id')
    const project = body.toString('latin1').trim()
    if (!isProject(project)) throw malformed(place)
    return project
  }

  async #get(path: string): Promise<{ body: Buffer; place: string }> {
    const url = new URL(`${this.#origin}/computeMetadata/v1/${path}`)
    const place = this.#transport.place(url)
    const answer = await this.#ask(url)
    // Whatever else may listen on such an address does not say so.
    if (answer.headers.get('metadata-flavor') !== 'Google') {
      answer.body.fill(0)
      throw this.#noCredentials(`what answers at ${this.#origin} is no metadata server of Google`)
    }
    if (answer.status !== 200) throw this.#failure(place, answer)
    return { body: answer.body, place }
  }

  async #ask(url: URL): Promise<Answer> {
    try {
      return await this.#transport.ask(url, { headers: { 'metadata-flavor': 'Google' } })
    } catch (error) {
      const isAbsent = error instanceof ProviderError && ['dns', 'refused'].includes(error.reason)
      if (!isAbsent) throw error
      throw this.#noCredentials(`no metadata server answers at ${this.#origin} (${error.reason})`)
    }
  }

  #failure(place: string, { status, headers }: Answer): ProviderError {
    const wait = retryAfterMs(headers.get('retry-after'), this.#transport.wall())
    const told = (kind: ProviderError['kind'], reason: ProviderError['reason'], words: string) =>
      new ProviderError(kind, reason, `${place}: ${words} (status ${status}).`, { retryAfterMs: wait })
    if (status === 404) {
      return told(
        'unavailable',
        'credential',
        'no service account is attached. Attach one to this machine or pod',
      )
    }
    if (status === 403) {
      const words =
        'the Kubernetes service account may not act as the one of Google. Grant it roles/iam.workloadIdentityUser on that'
      return told('denied', 'denied', words)
    }
    if (status === 429) return told('throttled', 'throttled', 'the metadata server asks for fewer calls')
    return told('unavailable', 'status', 'the metadata server failed')
  }

  #noCredentials(why: string): ProviderError {
    const words = `there are no credentials: GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud has left none, and ${why}. Set credentials, or attach a service account of Google Cloud.`
    return new ProviderError('unavailable', 'credential', `provider "${this.#name}": ${words}`)
  }
}

function malformed(place: string): ProviderError {
  return new ProviderError(
    'unavailable',
    'malformed',
    `${place}: the answer is not what a metadata server gives. Check GCE_METADATA_HOST.`,
  )
}
