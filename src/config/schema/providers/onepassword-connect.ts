import * as z from 'zod/mini'
import { source, text } from '../fields.ts'
import { option, section } from '../option.ts'
import { backendUrl } from '../url.ts'
import { ca, calls, maxBody, maxSecrets, timeout } from './shared.ts'

const urlExpected =
  'the URL of the Connect server, such as https://connect.platform:8443, without {key} and query'

export const onepasswordConnect = () =>
  section({
    type: option(z.literal('onepassword-connect'), {
      description: 'Reads a 1Password Connect server.',
      example: 'onepassword-connect',
    }),
    url: option(backendUrl().check(z.refine((url) => !/[{}?]/.test(url), { error: urlExpected })), {
      description: 'The Connect server. What follows `/v1` is added.',
      type: 'URL',
      pattern: /^https?:\/\/[^/?#@{}]+(\/[^?#{}]*)?$/,
      example: 'https://connect.platform:8443',
    }),
    token: option(source('credential'), {
      description: 'The access token of the Connect server, sent as `Authorization: Bearer`.',
      example: { file: '/var/run/secrets/onepassword/token' },
    }),
    vault: option(z.optional(text(/^\P{Cc}+$/u, 'the id or the name of a vault')), {
      description:
        'The vault that keys are looked up in, by its id or its name: keys then begin with the item. Without it they begin with the vault.',
      fallback: 'each key names its vault',
      example: 'Production',
    }),
    ca: ca(),
    timeout: timeout('5s'),
    maxBody: maxBody('4MiB'),
    maxSecrets: maxSecrets(),
    ...calls(),
  })
