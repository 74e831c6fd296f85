import * as z from 'zod/mini'
import { count, flag, path, size, source, text } from '../fields.ts'
import { option, section } from '../option.ts'
import { ca, calls, timeout } from './shared.ts'

/** A namespace is a DNS label (RFC 1123, section 2.1). */
const namespacePattern = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
const namespaceExpected = 'the name of a namespace: up to 63 lower-case letters, digits and "-"'

/** The key of a label with its optional prefix, and its value, which may be empty. */
const labelKey = '(?:[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?'
const labelValue = '(?:[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?)?'
const requirement =
  `(?:!?${labelKey}|${labelKey} ?(?:=|==|!=) ?${labelValue}` +
  `|${labelKey} (?:in|notin) \\(${labelValue}(?:, ?${labelValue})*\\))`
const selectorPattern = new RegExp(`^${requirement}(?:, ?${requirement})*$`)
const selectorExpected =
  'a label selector, such as "app=shop", "app=shop,tier!=web", "team in (a,b)", "managed" or "!legacy"'

const serverExpected =
  'the URL of an API server: https:// or http://, a host, and a path where there is one; without user name, query and fragment'

function isServer(written: string): boolean {
  const path = /^https?:\/\/[^\s\p{Cc}?#@{}\\%/]+((?:\/[^\s\p{Cc}?#@{}\\%/]+)*)\/?$/u.exec(written)?.[1]
  // The parser would resolve such segments without a word.
  return path !== undefined && !/\/\.{1,2}(?:\/|$)/.test(path) && URL.canParse(written)
}

const server = () =>
  option(z.string({ error: serverExpected }).check(z.refine(isServer, { error: serverExpected })), {
    type: 'URL',
    pattern: /^https?:\/\/[^\s?#@{}]+$/,
  })

export const kubernetes = () =>
  section({
    type: option(z.literal('kubernetes'), {
      description: 'Reads, and watches, the Secrets of a Kubernetes API server.',
      example: 'kubernetes',
    }),
    url: option(z.optional(server()), {
      description: 'The API server, where it is neither that of the pod nor named by `kubeconfig`.',
      fallback: 'that of the pod: `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`',
      example: 'https://10.0.0.1:443',
    }),
    kubeconfig: option(z.optional(path()), {
      description:
        'A kubeconfig file that names the API server and the credentials, read again when it changes.',
      fallback: 'none',
      example: '/home/me/.kube/config',
    }),
    context: option(z.optional(text(/^\P{Cc}+$/u, 'the name of a context')), {
      description: 'The context of the kubeconfig file.',
      type: 'string',
      fallback: 'its current context',
      example: 'staging',
    }),
    token: option(z.optional(source('credential')), {
      description: 'The bearer token.',
      fallback: "the pod's service account token, unless `url`, `kubeconfig` or `certificate` is set",
      example: { file: '/var/run/secrets/tokens/kubernetes' },
    }),
    ca: ca(),
    certificate: option(z.optional(source('text')), {
      description: 'The client certificate with its chain, in PEM, where the API server knows us by one.',
      fallback: 'none',
      example: { file: '/etc/sidekeep/client.crt' },
    }),
    key: option(z.optional(source('text')), {
      description: "The client certificate's private key, in PEM.",
      fallback: 'none',
      example: { file: '/etc/sidekeep/client.key' },
    }),
    namespace: option(z.optional(text(namespacePattern, namespaceExpected)), {
      description: 'The namespace of the Secrets.',
      type: 'string',
      fallback: "that of the kubeconfig's context, or of the pod",
      example: 'app',
    }),
    selector: option(z.optional(text(selectorPattern, selectorExpected)), {
      description:
        'A label selector: all Secrets that match are read in one list, and watched by one watch. Without it each Secret is read, and watched, by its name.',
      type: 'string',
      fallback: 'Secrets by name',
      example: 'app=shop',
    }),
    watch: option(z.prefault(flag(), true), {
      description:
        'Whether the API server is asked to report changes, which then arrive within a second. Without it `refresh` alone decides.',
      example: false,
    }),
    maxWatches: option(z.prefault(count(1, 1000), 50), {
      description:
        'How many Secrets are watched by name, each over a connection of its own. Further ones are refreshed by `refresh` alone; with `selector` one watch serves for all.',
      example: 10,
    }),
    timeout: timeout('5s'),
    maxBody: option(z.prefault(size(), '16MiB'), {
      description:
        'How large an answer may be, and a list with all its pages. A larger one is an error, so that memory stays bounded.',
      example: '4MiB',
    }),
    maxSecrets: option(z.prefault(count(1, 1_000_000), 10_000), {
      description:
        'How many Secrets a list may hold. A larger one is an error, so that memory stays bounded.',
      example: 500,
    }),
    ...calls(),
  })
