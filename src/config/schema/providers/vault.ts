import * as z from 'zod/mini'
import { providerNameExpected, providerNamePattern } from '../../names.ts'
import { flag, source, text } from '../fields.ts'
import { option, section } from '../option.ts'
import { ca, calls, maxBody, maxSecrets, timeout } from './shared.ts'

const originExpected = 'the address of Vault alone, such as https://vault.internal:8200'
/** What follows the address is Sidekeep's affair: `/v1/…`. */
const originPattern = /^https?:\/\/[^\s/?#@{}\p{Cc}]+\/?$/u

const origin = () =>
  z.string({ error: originExpected }).check(
    z.refine((url) => originPattern.test(url) && URL.canParse(url) && new URL(url).hostname !== '', {
      error: originExpected,
    }),
  )

const hostExpected = 'a host, with its port where that is not the one of url: vault-1.internal:8200'
const host = () =>
  z.string({ error: hostExpected }).check(
    z.refine((name) => /^[^\s/?#@{}\p{Cc}]+$/u.test(name) && URL.canParse(`https://${name}`), {
      error: hostExpected,
    }),
  )

/** Segments as Vault takes them, encoded nowhere: none is empty, and none leads elsewhere. */
const pathPattern = /^(?!.*\.\.)[^\s/%?#\\\p{Cc}\p{Cs}]+(?:\/[^/%?#\\\p{Cc}\p{Cs}]+)*$/u
const vaultPath = (expected: string) => text(pathPattern, expected)

const mount = (fallback: string) =>
  option(z.prefault(vaultPath('the path of an auth method, without auth/'), fallback), {
    description: 'Where the auth method is mounted, below `auth/`.',
    example: fallback,
  })

const role = () =>
  option(vaultPath('the name of a role'), {
    description: 'The role of the auth method to log in with.',
    example: 'app',
  })

const appRole = () =>
  section({
    roleId: option(source('credential'), {
      description: "The role's id.",
      example: { file: '/vault/role-id' },
    }),
    secretId: option(source('credential'), {
      description: 'The secret id, or the wrapping token that it is in.',
      example: { file: '/vault/secret-id' },
    }),
    wrapped: option(z.prefault(flag(), false), {
      description:
        'Whether `secretId` is a wrapping token. Where it comes from is checked, it is unwrapped once, and the secret id is kept in memory.',
      example: true,
    }),
    mount: mount('approle'),
  })

const kubernetes = () =>
  section({
    role: role(),
    jwt: option(
      z.prefault(source('credential'), { file: '/var/run/secrets/kubernetes.io/serviceaccount/token' }),
      {
        description: 'The service account token, read again at each login.',
        example: { file: '/var/run/secrets/tokens/vault' },
      },
    ),
    mount: mount('kubernetes'),
  })

const jwt = () =>
  section({
    role: role(),
    jwt: option(source('credential'), {
      description: 'The JSON Web Token, read again at each login.',
      example: { file: '/var/run/secrets/tokens/vault' },
    }),
    mount: mount('jwt'),
  })

const certificate = () =>
  section({
    role: option(z.optional(vaultPath('the name of a certificate role')), {
      description: 'The certificate role to log in with.',
      fallback: 'any that the certificate fits',
      example: 'app',
    }),
    mount: mount('cert'),
  })

const auth = () =>
  section({
    token: option(z.optional(source('credential')), {
      description: 'A token that was made elsewhere, read again at each use. It is renewed while it can be.',
      fallback: 'another member of `auth`',
      example: { file: '/vault/token' },
    }),
    appRole: option(z.optional(appRole()), {
      description: 'Logs in with a role id and a secret id.',
      fallback: 'another member of `auth`',
    }),
    kubernetes: option(z.optional(kubernetes()), {
      description: "Logs in with the pod's service account.",
      fallback: 'another member of `auth`',
    }),
    jwt: option(z.optional(jwt()), {
      description: 'Logs in with a JSON Web Token.',
      fallback: 'another member of `auth`',
    }),
    certificate: option(z.optional(certificate()), {
      description: 'Logs in over mutual TLS, with `certificate` and `key`.',
      fallback: 'another member of `auth`',
    }),
  })

const request = () =>
  section({
    path: option(vaultPath('a path such as pki/issue/web'), {
      description: 'The path, mount and all, as in the policy that permits it.',
      example: 'pki/issue/web',
    }),
    method: option(z.prefault(z.enum(['GET', 'POST', 'PUT']), 'POST'), {
      description: 'The method.',
      example: 'POST',
    }),
    body: option(
      z.optional(z.record(z.string(), z.unknown(), { error: 'a mapping, which is sent as JSON' })),
      {
        description: 'What is sent, as JSON. It is no place for credentials.',
        type: 'mapping',
        fallback: 'nothing',
        example: { common_name: 'web.internal', ttl: '72h' },
      },
    ),
  })

export const vault = () =>
  section({
    type: option(z.literal('vault'), { description: 'Reads HashiCorp Vault or OpenBao.', example: 'vault' }),
    url: option(origin(), {
      description: 'The address of the server, without a path.',
      type: 'URL',
      example: 'https://vault.internal:8200',
    }),
    redirectHosts: option(z.prefault(z.array(host(), { error: 'a list of hosts' }), []), {
      description:
        'The hosts that a standby may send requests on to (307), token and all: those of its `api_addr`. To any other host nothing is sent.',
      type: 'list of hosts',
      example: ['vault-0.internal:8200', 'vault-1.internal:8200'],
    }),
    namespace: option(z.optional(vaultPath('a namespace such as team-a/app')), {
      description: 'The namespace that all paths, and the auth method, are in.',
      fallback: 'the root namespace',
      example: 'team-a/app',
    }),
    auth: option(auth(), { description: 'How to log in: exactly one of its members.' }),
    ca: ca(),
    certificate: option(z.optional(source('text')), {
      description: "The client's certificate with its chain, in PEM, where the server asks for one.",
      fallback: 'none',
      example: { file: '/tls/tls.crt' },
    }),
    key: option(z.optional(source('text')), {
      description: 'The private key of `certificate`, in PEM.',
      fallback: 'none',
      example: { file: '/tls/tls.key' },
    }),
    kvVersion: option(z.prefault(z.literal(['auto', 1, 2], { error: 'auto, 1 or 2' }), 'auto'), {
      description:
        'The version of the KV engines. `auto` asks the server, once for each mount. With 1 or 2 it is not asked, all keys are of KV engines of that version, and the first segment of a key is the mount.',
      type: 'auto, 1 or 2',
      example: 2,
    }),
    requests: option(
      z.prefault(
        z.record(text(providerNamePattern, providerNameExpected), request(), {
          error: (issue) => (issue.code === 'invalid_type' ? 'a mapping of keys to requests' : undefined),
        }),
        {},
      ),
      { description: 'Keys that take more than a path to read, such as a certificate to be issued.' },
    ),
    revokeOnStop: option(z.prefault(flag(), false), {
      description:
        'Whether leases that were handed out, and tokens that were logged in for, are revoked when the provider is closed: at a stop, and when its configuration changes.',
      example: true,
    }),
    timeout: timeout('5s'),
    maxBody: maxBody('4MiB'),
    maxSecrets: maxSecrets(),
    ...calls(),
  })
