import { AwsClient } from 'google-auth-library/build/src/auth/awsclient.js'
import { IdentityPoolClient } from 'google-auth-library/build/src/auth/identitypoolclient.js'
import { StsCredentials } from 'google-auth-library/build/src/auth/stscredentials.js'
import { StringSource } from '../../../config/source.ts'
import { CodedError } from '../../../errors.ts'
import { ProviderError } from '../../../secrets/provider.ts'
import { type Found, unusable } from './found.ts'
import type { Adapter } from './gaxios.ts'
import { isObject, parsed } from './json.ts'
import { optionalText, text } from './members.ts'

/**
 * Workload identity federation (AIP-4117): a token of another identity provider, from a file, a URL or AWS, is exchanged
 * for one of Google. What would start a program, or needs a TLS client certificate, is refused.
 */
export function federated(found: Found, adapter: Adapter): AwsClient | IdentityPoolClient {
  const { credential_source: source } = found.json
  if (!isObject(source)) throw unusable(found, 'has no credential_source.')
  if ('executable' in source || 'certificate' in source) {
    const words = 'has a credential_source with an executable or a certificate. Use one with a file or a url.'
    throw unusable(found, words)
  }
  const lifetime = found.json.service_account_impersonation
  const common = {
    audience: text(found, 'audience'),
    subject_token_type: text(found, 'subject_token_type'),
    ...optionalText(found, 'token_url'),
    ...optionalText(found, 'service_account_impersonation_url'),
    ...optionalText(found, 'client_id'),
    ...optionalText(found, 'client_secret'),
    ...optionalText(found, 'workforce_pool_user_project'),
    ...(isObject(lifetime) && { service_account_impersonation: lifetime }),
    ...adapter.options,
  }
  if ('environment_id' in source) return new Aws({ ...common, credential_source: awsSource(found, source) })
  if (typeof source.file !== 'string') return new Pool({ ...common, credential_source: source })
  const file = new StringSource({ file: source.file }, 'text')
  const getSubjectToken = (): Promise<string> => subjectToken(found, file, source.format)
  return new Pool({ ...common, subject_token_supplier: { getSubjectToken } })
}

/** The library gives its exchange of tokens a transport of its own, which knows neither our deadline nor our signal. */
class Pool extends IdentityPoolClient {
  constructor(options: ConstructorParameters<typeof IdentityPoolClient>[0]) {
    super(options)
    this.stsCredential = new StsCredentials({
      tokenExchangeEndpoint: this.getTokenUrl(),
      transporter: this.transporter,
      ...(this.clientAuth !== undefined && { clientAuthentication: this.clientAuth }),
    })
  }
}

class Aws extends AwsClient {
  constructor(options: ConstructorParameters<typeof AwsClient>[0]) {
    super(options)
    this.stsCredential = new StsCredentials({
      tokenExchangeEndpoint: this.getTokenUrl(),
      transporter: this.transporter,
      ...(this.clientAuth !== undefined && { clientAuthentication: this.clientAuth }),
    })
  }
}

function awsSource(found: Found, source: Record<string, unknown>) {
  const from = { ...found, json: source }
  return {
    environment_id: text(from, 'environment_id'),
    regional_cred_verification_url: text(from, 'regional_cred_verification_url'),
    ...optionalText(from, 'region_url'),
    ...optionalText(from, 'url'),
    ...optionalText(from, 'imdsv2_session_token_url'),
  }
}

/**
 * The library would send the line break at the end of a file along, and names no remedy where there is no file.
 * Rejects with a ProviderError (*credential*).
 */
async function subjectToken(found: Found, file: StringSource, format: unknown): Promise<string> {
  const written = await file.read().catch((error: unknown) => {
    const words = error instanceof CodedError ? error.message : `${file.describe()} cannot be read.`
    throw new ProviderError('unavailable', 'credential', `${found.place}: credential_source: ${words}`)
  })
  const { type, subject_token_field_name: field } = isObject(format) ? format : {}
  if (type !== 'json') return written
  const json = parsed(written)
  const token =
    isObject(json) && typeof field === 'string' && Object.hasOwn(json, field) ? json[field] : undefined
  if (typeof token === 'string' && token !== '') return token
  throw unusable(found, `names ${file.describe()}, which has no token in the field of its format.`)
}
