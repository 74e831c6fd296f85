/** Asks a running sidecar, for the commands that do. */
import type { IncomingHttpHeaders } from 'node:http'
import { type RequestOptions, request } from 'node:http'
import { type Address, defaultAddress, parseAddress } from './client/address.ts'
import { readAuthorities, readToken } from './client/credentials.ts'
import { unreachable } from './client/unreachable.ts'
import { exitCodes, printError } from './command.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

type Method = 'GET' | 'POST'

export interface Client {
  /**
   * @throws SIDEKEEP_UNREACHABLE when nobody answers; SIDEKEEP_USAGE and SIDEKEEP_CREDENTIAL_UNREADABLE where the token or
   * the certificates to believe cannot be used
   */
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  /** As `get`; sends no body. */
  post(path: string): Promise<Answer>
}

/** What all of these commands take. */
export const apiOptions = { api: { type: 'string' }, ca: { type: 'string' } } as const

/** And those that ask for more than health, which needs no token. */
export const callerOptions = { ...apiOptions, 'token-file': { type: 'string' } } as const

export const apiHelp = `  --api ADDRESS   where the sidecar's api listens: http://127.0.0.1:7575 (the default), https://HOST:PORT
                  or unix:/PATH; else $SIDEKEEP_API
  --ca PATH       of an https address, the authorities to trust, in PEM; else $SIDEKEEP_API_CA`

export const callerHelp = `${apiHelp}
  --token-file PATH
                  where the sidecar has callers, the file that holds a token; else $SIDEKEEP_API_TOKEN_FILE
                  names it, or $SIDEKEEP_API_TOKEN holds the token itself`

export interface ClientOptions {
  readonly api?: string | undefined
  readonly ca?: string | undefined
  readonly 'token-file'?: string | undefined
}

/** Longer than the sidecar itself lets a request take, in milliseconds. */
const answerTimeout = 30_000

/**
 * A client that shows its token, where it has one.
 *
 * @param timeoutMs how long an answer may take
 * @throws SIDEKEEP_USAGE where the address is none
 */
export function createClient(options: ClientOptions, timeoutMs = answerTimeout): Client {
  const address = addressOf(options)
  const send = async (method: Method, path: string, headers: Record<string, string> = {}) => {
    const token = await readToken(options['token-file'], address)
    const credential = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return await ask(address, method, path, { ...credential, ...headers }, options.ca, timeoutMs)
  }
  return {
    get: (path, headers) => send('GET', path, headers),
    post: (path) => send('POST', path),
  }
}

/**
 * A client of health, which is answered to everybody: it reads no token.
 *
 * @param timeoutMs how long an answer may take
 * @throws SIDEKEEP_USAGE where the address is none
 */
export function createHealthClient(options: ClientOptions, timeoutMs: number): Pick<Client, 'get'> {
  const address = addressOf(options)
  return { get: (path, headers = {}) => ask(address, 'GET', path, headers, options.ca, timeoutMs) }
}

function addressOf({ api }: ClientOptions): Address {
  // Empty is not set, as for the variables of the configuration.
  return parseAddress(api ?? (process.env.SIDEKEEP_API || defaultAddress))
}

async function ask(
  address: Address,
  method: Method,
  path: string,
  headers: Record<string, string>,
  caFile: string | undefined,
  timeoutMs: number,
): Promise<Answer> {
  const ca = await readAuthorities(caFile, address)
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const fail = (error: NodeJS.ErrnoException): void => reject(unreachable(address, error))
  const options: RequestOptions & { ca?: string } = {
    ...address.target,
    method,
    path,
    agent: false,
    headers: { 'x-sidekeep-request': 'true', ...headers },
    ...(ca === undefined ? {} : { ca }),
  }
  // TLS takes its time to load, and most sidecars are asked on loopback.
  const send = address.protocol === 'https' ? (await import('node:https')).request : request
  const sent = send(options, (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('error', fail)
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(chunks),
      }),
    )
  })
  // In all: a time-out of the socket begins once that is connected, and anew with each byte.
  const timer = setTimeout(() => {
    sent.destroy()
    fail(new Error(`no answer within ${Math.ceil(timeoutMs)} ms`))
  }, timeoutMs)
  sent.on('error', fail)
  sent.end()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

/** The path of a secret's resource; slashes stay, as the API takes them plain. */
export function secretPath(name: string): string {
  return namePath('/v1/secrets', name)
}

/** The path of whatever there is of a secret under `base`. */
export function namePath(base: string, name: string): string {
  return `${base}/${name.split('/').map(encodeURIComponent).join('/')}`
}

/** Prints the problem that the sidecar answered with and gives the exit code that says as much. */
export function explainProblem(answer: Answer): number {
  const { code, detail } = problemOf(answer)
  const hint = code === 'SIDEKEEP_TOKEN_REQUIRED' ? ' Name its file with --token-file PATH.' : ''
  printError(`sidekeep: ${detail}${hint} (${code})`)
  if (answer.status === 401 || answer.status === 403) return exitCodes.notAllowed
  return answer.status >= 500 ? exitCodes.unavailable : exitCodes.failed
}

/** The problem that a sidecar answered with; where it is none, that. */
export function problemOf(answer: Answer): { code: string; detail: string } {
  try {
    const problem: unknown = JSON.parse(answer.body.toString('utf8'))
    if (typeof problem === 'object' && problem !== null && 'code' in problem && 'detail' in problem) {
      return { code: String(problem.code), detail: String(problem.detail) }
    }
  } catch {
    // Not a problem document: then whoever answered is no sidecar.
  }
  return {
    code: `HTTP ${answer.status}`,
    detail: 'The answer is not one of a sidecar; is the address right?',
  }
}
