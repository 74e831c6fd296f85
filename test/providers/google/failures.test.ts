import t from 'tap'
import { ProviderError } from '../../../src/secrets/provider.ts'
import { type GoogleAnswer, googleError, startFakeGoogle } from '../../support/fake-google.ts'
import { failureOf, leaksNothing, signal } from '../conformance.ts'
import { googleProvider } from './support.ts'

const retryInfo = (retryDelay: unknown) => ({
  '@type': 'type.googleapis.com/google.rpc.RetryInfo',
  retryDelay,
})

interface Row {
  readonly is: string
  readonly answer: GoogleAnswer
  readonly kind: string
  readonly reason: string
  readonly says: RegExp
  readonly retryAfterMs?: number
}

const denied = { kind: 'denied', reason: 'denied' }
const failed = { kind: 'unavailable', reason: 'status' }
const throttled = { kind: 'throttled', reason: 'throttled' }

const rows: readonly Row[] = [
  {
    is: 'a permission that is lacking',
    answer: googleError(403, 'PERMISSION_DENIED'),
    ...denied,
    says: /lacks the permission secretmanager\.versions\.access\. Grant it roles\/secretmanager\.secretAccessor on projects\/my-project\/secrets\/key; or there is no such secret, .*\(403 PERMISSION_DENIED\)\.$/,
  },
  {
    is: 'the same with its reason',
    answer: googleError(403, 'PERMISSION_DENIED', { reason: 'IAM_PERMISSION_DENIED' }),
    ...denied,
    says: /lacks the permission secretmanager\.versions\.access\..*\(403 PERMISSION_DENIED IAM_PERMISSION_DENIED\)/,
  },
  {
    is: 'an API that is not enabled',
    answer: googleError(403, 'PERMISSION_DENIED', { reason: 'SERVICE_DISABLED' }),
    ...denied,
    says: /API is not enabled in the project\. Enable secretmanager\.googleapis\.com there \(403/,
  },
  {
    is: 'a scope that is lacking',
    answer: googleError(403, 'PERMISSION_DENIED', { reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }),
    ...denied,
    says: /lacks the scope cloud-platform/,
  },
  {
    is: 'a project without a billing account',
    answer: googleError(403, 'PERMISSION_DENIED', { reason: 'BILLING_DISABLED' }),
    ...denied,
    says: /no billing account/,
  },
  {
    is: 'a quota project that may not be used',
    answer: googleError(403, 'PERMISSION_DENIED', { reason: 'USER_PROJECT_DENIED' }),
    ...denied,
    says: /roles\/serviceusage\.serviceUsageConsumer/,
  },
  {
    is: 'a perimeter of VPC Service Controls',
    answer: googleError(403, 'PERMISSION_DENIED', { reason: 'SECURITY_POLICY_VIOLATED' }),
    ...denied,
    says: /VPC Service Controls/,
  },
  {
    is: 'a reason that is not known',
    answer: googleError(403, 'PERMISSION_DENIED', { reason: 'CANARY_REASON' }),
    ...denied,
    says: /lacks the permission/,
  },
  {
    is: 'a 403 of something between',
    answer: { status: 403, body: '<html>CANARY</html>' },
    ...denied,
    says: /lacks the permission.*\(403\)\.$/,
  },
  {
    is: 'a quota that is used up',
    answer: googleError(429, 'RESOURCE_EXHAUSTED', { reason: 'RATE_LIMIT_EXCEEDED' }),
    ...throttled,
    says: /the quota of the project is used up\. Raise refresh/,
  },
  {
    is: 'a quota that says when to come back',
    answer: googleError(429, 'RESOURCE_EXHAUSTED', { details: [retryInfo('12.5s')] }),
    ...throttled,
    says: /429 RESOURCE_EXHAUSTED/,
    retryAfterMs: 12_500,
  },
  {
    is: 'a header that says so too, which goes first',
    answer: {
      ...googleError(429, 'RESOURCE_EXHAUSTED', { details: [retryInfo('9s')] }),
      headers: { 'retry-after': '3' },
    },
    ...throttled,
    says: /429/,
    retryAfterMs: 3000,
  },
  {
    is: 'a delay that is longer than any that is believed',
    answer: googleError(429, 'RESOURCE_EXHAUSTED', { details: [retryInfo('99999999s')] }),
    ...throttled,
    says: /429/,
    retryAfterMs: 3_600_000,
  },
  {
    is: 'a delay that is none',
    answer: googleError(429, 'RESOURCE_EXHAUSTED', {
      details: [retryInfo('-1s'), retryInfo(7), retryInfo('CANARY')],
    }),
    ...throttled,
    says: /429/,
  },
  {
    is: 'a key in Cloud KMS that is disabled',
    answer: googleError(400, 'FAILED_PRECONDITION'),
    ...failed,
    says: /Check the state of its version, and of the key in Cloud KMS/,
  },
  {
    is: 'a request that is not accepted',
    answer: googleError(400, 'INVALID_ARGUMENT'),
    ...failed,
    says: /Check the key, project and location/,
  },
  {
    is: 'a 404 that is not of Secret Manager',
    answer: { status: 404, body: '<html>CANARY</html>' },
    ...failed,
    says: /there is no Secret Manager at this address\. Check endpoint/,
  },
  ...['Method not found.', 'Requested entity was not found.', 'Service [CANARY] not found.'].map(
    (message) => ({
      is: `a 404 of another API of Google: ${message}`,
      answer: googleError(404, 'NOT_FOUND', { message }),
      ...failed,
      says: /there is no Secret Manager at this address\. Check endpoint/,
    }),
  ),
  {
    is: 'a failure of Google',
    answer: googleError(500, 'INTERNAL'),
    ...failed,
    says: /Google failed \(500 INTERNAL\)/,
  },
  {
    is: 'an outage that says how long',
    answer: { ...googleError(503, 'UNAVAILABLE'), headers: { 'retry-after': '30' } },
    ...failed,
    says: /Google failed \(503 UNAVAILABLE\)/,
    retryAfterMs: 30_000,
  },
  {
    is: 'a redirect',
    answer: { status: 302, headers: { location: 'https://CANARY.test/' } },
    ...failed,
    says: /Check endpoint and location \(302\)/,
  },
  {
    is: 'a status that brings no value',
    answer: { status: 204 },
    ...failed,
    says: /\(204\)/,
  },
  {
    is: 'an error whose members are of other kinds',
    answer: {
      status: 403,
      body: '{"error":{"status":{"CANARY":1},"details":{"reason":"SERVICE_DISABLED"}}}',
    },
    ...denied,
    says: /lacks the permission/,
  },
  {
    is: 'an error whose details are odd',
    answer: {
      status: 403,
      body: '{"error":{"status":"__proto__","details":[null,7,[],{"reason":["CANARY"]}]}}',
    },
    ...denied,
    says: /\(403\)\.$/,
  },
  {
    is: 'an error that is larger than anybody reads',
    answer: {
      status: 403,
      body: `{"error":{"status":"PERMISSION_DENIED","message":"CANARY-${'x'.repeat(70_000)}"}}`,
    },
    ...denied,
    says: /\(403\)\.$/,
  },
]

for (const { is, answer, kind, reason, says, retryAfterMs } of rows) {
  t.test(`${is} is told as ${kind}, with a remedy`, async (t) => {
    const google = await startFakeGoogle(t)
    google.intercept = ({ url }) => (url.pathname.endsWith(':access') ? answer : undefined)
    const error = await failureOf(googleProvider(t, google).fetch(['key'], signal()))
    t.match(error, { kind, reason })
    t.equal(error.retryAfterMs, retryAfterMs)
    t.match(error.message, says)
    const place = `GET ${google.origin}/v1/projects/my-project/secrets/key/versions/latest:access`
    t.ok(error.message.startsWith(`provider "backend": ${place}: `), error.message)
    leaksNothing(t, error)
  })
}

t.test('a list that may not be had is denied, and names another permission', async (t) => {
  const google = await startFakeGoogle(t)
  google.secrets.withheld.add('secretmanager.secrets.list')
  const error: unknown = await googleProvider(t, google)
    .listKeys?.(['*'], signal())
    .catch((reason: unknown) => reason)
  t.ok(error instanceof ProviderError)
  t.match(error, {
    kind: 'denied',
    message: /secretmanager\.secrets\.list.*roles\/secretmanager\.viewer on the project my-project \(/,
  })
  leaksNothing(t, error)
})

t.test('a list that is not there does not mean that there are no secrets', async (t) => {
  const google = await startFakeGoogle(t)
  google.intercept = ({ url }) =>
    url.pathname.endsWith('/secrets') ? googleError(404, 'NOT_FOUND') : undefined
  const error: unknown = await googleProvider(t, google)
    .listKeys?.(['*'], signal())
    .catch((reason: unknown) => reason)
  t.match(error, { kind: 'unavailable', reason: 'status', message: /Check project and location/ })
})
