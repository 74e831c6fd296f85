import { dirname, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { StringSource } from '../../../config/source.ts'
import { isJsonObject } from '../../shared/json.ts'
import { Malformed } from '../../shared/malformed.ts'
import { type Endpoint, InlineSource, isNamespace } from './access.ts'
import { type ExecPlugin, pluginOf } from './exec-plugin.ts'

/** What a context of a kubeconfig file names. */
export interface Context {
  readonly endpoint: Endpoint
  readonly namespace: string
  readonly token: StringSource | undefined
  readonly plugin: ExecPlugin | undefined
}

type Mapping = Record<string, unknown>

/** What kubectl takes where a context names no namespace. */
const defaultNamespace = 'default'

/**
 * Reads a kubeconfig (kubernetes.io, "kubeconfig (v1)"). What of it is not supported is refused rather than passed over:
 * a connection made otherwise than the file says may go somewhere else. Throws `Malformed`, whose words quote nothing but
 * names.
 */
export function parseKubeconfig(text: string, path: string, wanted: string | undefined): Context {
  const file = parsed(text)
  const current = wanted ?? file['current-context']
  if (typeof current !== 'string' || current === '') {
    throw new Malformed('it has no current-context. Set context')
  }
  const context = named(file, 'contexts', 'context', current)
  const cluster = named(file, 'clusters', 'cluster', textOf(context, 'cluster') ?? '')
  const user = named(file, 'users', 'user', textOf(context, 'user') ?? '')
  const namespace = textOf(context, 'namespace') ?? defaultNamespace
  if (!isNamespace(namespace)) throw new Malformed('its context has a namespace that none can have')
  return {
    endpoint: endpointOf(cluster, user, path),
    namespace,
    token: tokenSource(user, path),
    plugin: isJsonObject(user.exec) ? pluginOf(user.exec, dirname(path)) : undefined,
  }
}

function parsed(text: string): Mapping {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: true, logLevel: 'error' })
  const [error] = document.errors
  if (error !== undefined) {
    const line = text.slice(0, error.pos[0]).split('\n').length
    throw new Malformed(`it is not valid YAML: line ${line} (${error.code})`)
  }
  let file: unknown
  try {
    file = document.toJS({ maxAliasCount: 100 })
  } catch {
    throw new Malformed('its aliases lead to nothing, or to too much')
  }
  if (!isJsonObject(file)) throw new Malformed('it is no kubeconfig')
  return file
}

function named(file: Mapping, list: string, member: string, name: string): Mapping {
  const entries = file[list]
  const found = Array.isArray(entries)
    ? entries.find((entry) => isJsonObject(entry) && entry.name === name)
    : undefined
  const value = isJsonObject(found) ? found[member] : undefined
  if (!isJsonObject(value)) throw new Malformed(`its ${list} have no "${name}"`)
  return value
}

const remedies: Readonly<Record<string, string>> = {
  'insecure-skip-tls-verify':
    'insecure-skip-tls-verify, which would hand the credential to whoever answers. Put the authority into certificate-authority-data',
  'tls-server-name': 'tls-server-name. Use a host in server that the certificate names',
  'proxy-url': 'proxy-url. Name an address that can be reached directly',
  'auth-provider': 'auth-provider, which Kubernetes itself gave up. Use an exec plugin',
  username: 'a user name and a password, which Kubernetes itself gave up. Use a token',
  as: 'impersonation. Use credentials of the account itself',
  'as-uid': 'impersonation. Use credentials of the account itself',
  'as-groups': 'impersonation. Use credentials of the account itself',
}

function refuse(section: Mapping, ...options: readonly string[]): void {
  for (const option of options) {
    const value = section[option]
    if (value === undefined || value === null || value === false || value === '') continue
    throw new Malformed(`it asks for ${remedies[option]}`)
  }
}

function endpointOf(cluster: Mapping, user: Mapping, path: string): Endpoint {
  refuse(cluster, 'insecure-skip-tls-verify', 'tls-server-name', 'proxy-url')
  refuse(user, 'auth-provider', 'username', 'as', 'as-uid', 'as-groups')
  const server = URL.parse(textOf(cluster, 'server') ?? '')
  const isFit =
    server !== null &&
    /^https?:$/.test(server.protocol) &&
    server.username === '' &&
    server.password === '' &&
    server.search === ''
  if (!isFit) throw new Malformed('its cluster has no server that is an http:// or https:// URL')
  if (server.protocol === 'http:' && !isLoopback(server.hostname)) {
    throw new Malformed(
      'its cluster has an http:// server that is not loopback, where anybody on the way reads the credential and the Secrets. Use https://',
    )
  }
  const source = (section: Mapping, option: string) => pemSource(section, option, path)
  const certificate = source(user, 'client-certificate')
  const key = source(user, 'client-key')
  if ((certificate === undefined) !== (key === undefined)) {
    throw new Malformed('its user has a client certificate without its key, or a key without its certificate')
  }
  return {
    origin: server.origin,
    basePath: server.pathname.replace(/\/+$/, ''),
    option: 'kubeconfig',
    ca: source(cluster, 'certificate-authority'),
    certificate,
    key,
  }
}

/** As a URL has it, with IPv4 addresses in four parts and IPv6 addresses in their shortest form (WHATWG URL, "Host serializing"). */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

/** What is written into the file goes before what the file only names, as kubectl has it. */
function pemSource(section: Mapping, option: string, path: string): StringSource | undefined {
  const data = textOf(section, `${option}-data`)
  if (data !== undefined) {
    return new InlineSource(pemOf(data, `${option}-data`), 'text', `kubeconfig ${path}`)
  }
  const file = textOf(section, option)
  return file === undefined ? undefined : new StringSource({ file: resolve(dirname(path), file) }, 'text')
}

function pemOf(data: string, option: string): string {
  const pem = Buffer.from(data, 'base64').toString('utf8')
  if (!pem.includes('-----BEGIN ')) throw new Malformed(`its ${option} is no PEM in base64`)
  return pem
}

/** A file goes before what is written, as it is the one that is replaced. */
function tokenSource(user: Mapping, path: string): StringSource | undefined {
  const file = textOf(user, 'tokenFile')
  if (file !== undefined) return new StringSource({ file: resolve(dirname(path), file) }, 'credential')
  const token = textOf(user, 'token')
  return token === undefined ? undefined : new InlineSource(token, 'credential', `kubeconfig ${path}`)
}

function textOf(section: Mapping, option: string): string | undefined {
  const value = section[option]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new Malformed(`its ${option} is no text`)
  return value
}
