/** Asks a running sidecar, for the commands that do. */
import type { IncomingHttpHeaders } from 'node:http'
import { request } from 'node:http'
import { CodedError } from '../errors.ts'
import { exitCodes, printError } from './command.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Client {
  /** @throws SIDEKEEP_UNREACHABLE when nobody answers */
  get(path: string, headers?: Record<string, string>): Promise<Answer>
}

/** The option that all of these commands take. */
export const apiOption = { api: { type: 'string' } } as const

export const apiHelp = `  --api ADDRESS   where the sidecar's api listens: http://127.0.0.1:7575 (the default) or unix:/PATH;
                  else $SIDEKEEP_API`

const defaultAddress = 'http://127.0.0.1:7575'
/** Longer than the sidecar itself lets a request take, in milliseconds. */
const answerTimeout = 30_000

export function createClient(api: string | undefined, timeoutMs: number = answerTimeout): Client {
  // Empty is not set, as for the variables of the configuration.
  const address = api ?? (process.env.SIDEKEEP_API || defaultAddress)
  const target = parseAddress(address)
  return {
    get(path, headers = {}) {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      const fail = (error: NodeJS.ErrnoException): void => {
        const what = error.code ?? error.message
        reject(new CodedError('SIDEKEEP_UNREACHABLE', [address, what], { cause: error }))
      }
      const sent = request(
        { ...target, path, agent: false, headers: { 'x-sidekeep-request': 'true', ...headers } },
        (response) => {
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
        },
      )
      sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)))
      sent.on('error', fail)
      sent.end()
      return promise
    },
  }
}

function parseAddress(address: string) {
  if (address.startsWith('unix:/')) return { socketPath: address.slice('unix:'.length), host: 'localhost' }
  if (!URL.canParse(address)) throw wrongAddress(address)
  const { protocol, hostname, port, pathname } = new URL(address)
  if (protocol !== 'http:' || pathname !== '/') throw wrongAddress(address)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) }
}

function wrongAddress(address: string): CodedError {
  const remedy = 'expected something like http://127.0.0.1:7575 or unix:/run/sidekeep/api.sock'
  return new CodedError('SIDEKEEP_USAGE', [`"${address}" is no address of a sidecar: ${remedy}.`])
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
  printError(`sidekeep: ${detail} (${code})`)
  return answer.status >= 500 ? exitCodes.unavailable : exitCodes.failed
}

function problemOf(answer: Answer): { code: string; detail: string } {
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
