/** The options that the providers of AWS have in common. */
import * as z from 'zod/mini'
import { text } from '../fields.ts'
import { option } from '../option.ts'
import { backendUrl, keyPlaceholder } from '../url.ts'

const regionExpected = 'the name of a region, such as eu-central-1'
const roleExpected = 'the ARN of a role: arn:aws:iam::123456789012:role/NAME'
const externalIdExpected = '2 to 1224 letters, digits and =,.@:/_+-'
const sessionNameExpected = '2 to 64 letters, digits and =,.@_+-'
const profileExpected = 'the name of a profile'
const endpointExpected = `a URL without ${keyPlaceholder}`

/** Where the service is, and as whom it is asked. */
export const identity = (service: string) => ({
  region: option(z.optional(text(/^[a-z]{2,}(-[a-z0-9]+)+$/, regionExpected)), {
    description: 'The region to ask.',
    fallback: 'what AWS_REGION says, else the profile',
    example: 'eu-central-1',
  }),
  endpoint: option(
    z.optional(
      backendUrl().check(
        z.refine((url) => !url.includes(keyPlaceholder), { error: endpointExpected, abort: true }),
      ),
    ),
    {
      description:
        'Where to ask instead of the public address of the region: a VPC endpoint, or a stand-in for tests.',
      fallback: `what AWS_ENDPOINT_URL_${service} or AWS_ENDPOINT_URL says, else the region's`,
      example: 'https://vpce-0123.secretsmanager.eu-central-1.vpce.amazonaws.com',
    },
  ),
  profile: option(z.optional(text(/^[^\p{Cc}[\]]{1,256}$/u, profileExpected)), {
    description: 'The profile of the shared configuration files whose credentials and region are used.',
    fallback: 'what AWS_PROFILE says, else default',
    example: 'payments',
  }),
  roleArn: option(z.optional(text(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/, roleExpected)), {
    description:
      'A role to assume with the credentials that were found, for this provider alone: several providers can be several identities.',
    fallback: 'the credentials that were found are used as they are',
    example: 'arn:aws:iam::123456789012:role/payments-secrets',
  }),
  externalId: option(z.optional(text(/^[\w+=,.@:/-]{2,1224}$/, externalIdExpected)), {
    description: 'What the role asks for as `sts:ExternalId`. Only with `roleArn`.',
    fallback: 'none',
    example: 'payments',
  }),
  sessionName: option(z.optional(text(/^[\w+=,.@-]{2,64}$/, sessionNameExpected)), {
    description: 'How the session of the role is called in CloudTrail. Only with `roleArn`.',
    fallback: 'sidekeep',
    example: 'payments-web',
  }),
})
