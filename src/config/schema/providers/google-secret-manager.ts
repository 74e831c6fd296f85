import * as z from 'zod/mini'
import { source, text } from '../fields.ts'
import { option, section } from '../option.ts'
import { ca, calls, maxBody, maxSecrets, timeout } from './shared.ts'

/** An ID (with the domain of a legacy one before it) or a number. */
const projectPattern = /^(?:(?:[a-z][a-z0-9.-]{0,62}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|\d{1,19})$/
const projectExpected = 'the ID of a project, such as my-project-42, or its number'

const emailPattern = /^[A-Za-z0-9._-]{1,63}@[a-z0-9.-]{1,190}$/

const endpointPattern = /^https?:\/\/[^/?#@\s\p{Cc}]+\/?$/u
const endpointExpected = 'a URL that begins with https:// and ends with the host or its port'

export const googleSecretManager = () =>
  section({
    type: option(z.literal('google-secret-manager'), {
      description: 'Reads Google Secret Manager.',
      example: 'google-secret-manager',
    }),
    project: option(z.optional(text(projectPattern, projectExpected)), {
      description: 'Where the secrets are whose keys name no project.',
      fallback: 'GOOGLE_CLOUD_PROJECT; else the project of the credentials, or of the metadata server',
      example: 'my-project-42',
    }),
    location: option(
      z.optional(text(/^[a-z][a-z0-9-]{0,62}$/, 'the name of a location, such as europe-west3')),
      {
        description: 'Where the secrets are kept, for regional ones. Global secrets have none.',
        fallback: 'global secrets',
        example: 'europe-west3',
      },
    ),
    endpoint: option(
      z.optional(
        text(endpointPattern, endpointExpected).check(
          z.refine((url) => URL.canParse(url), { error: endpointExpected }),
        ),
      ),
      {
        description: 'The API itself, where it is reached by another name, as with Private Service Connect.',
        type: 'URL',
        fallback:
          '`https://secretmanager.googleapis.com`; with `location`, `https://secretmanager.LOCATION.rep.googleapis.com`',
        example: 'https://secretmanager-prod.p.googleapis.com',
      },
    ),
    credentials: option(z.optional(source('text')), {
      description:
        'The JSON of the credentials: a service account key, an external account (workload identity federation), an authorized user or an impersonated service account. Read again for each token.',
      fallback: 'Application Default Credentials',
      example: { file: '/etc/google/credentials.json' },
    }),
    impersonate: option(z.optional(text(emailPattern, 'the e-mail address of a service account')), {
      description:
        'The service account to act as. The credentials need roles/iam.serviceAccountTokenCreator on it.',
      fallback: 'the account of the credentials itself',
      example: 'reader@my-project-42.iam.gserviceaccount.com',
    }),
    quotaProject: option(z.optional(text(projectPattern, projectExpected)), {
      description:
        'The project whose quota the calls count against. The account needs roles/serviceusage.serviceUsageConsumer on it.',
      fallback: 'GOOGLE_CLOUD_QUOTA_PROJECT; else what the credentials name',
      example: 'my-project-42',
    }),
    filter: option(
      z.optional(text(/^\P{Cc}{1,500}$/u, 'a filter of secrets.list, of 500 characters at most')),
      {
        description:
          'What else a secret has to be to be discovered by a pattern, in the language of secrets.list. Keys that are asked for by name do not go through it.',
        fallback: 'whatever a pattern covers',
        example: 'labels.team=payments',
      },
    ),
    timeout: timeout('5s'),
    maxBody: maxBody('1MiB'),
    maxSecrets: maxSecrets(),
    ca: ca(),
    ...calls(),
  })
