/** AWS on loopback: Secrets Manager, the Parameter Store and STS, which check what they are asked and how it is signed. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import { answer, type Backend, type BackendOptions, startBackend } from './backend.ts'
import { FakeError, FakeServices } from './fake-aws-services.ts'
import { type AccessKey, signatureProblem } from './fake-aws-signature.ts'

/** One request that was understood. */
export interface FakeCall {
  /** `GetSecretValue`. */
  readonly operation: string
  readonly input: Readonly<Record<string, unknown>>
  readonly accessKey: string | undefined
}

/** Starts one that is closed when the test ends. */
export async function startFakeAws(t: Test, options: BackendOptions = {}): Promise<FakeAws> {
  const backend = await startBackend(t, options)
  const fake = new FakeAws(backend)
  backend.handler = fake.handle
  return fake
}

export class FakeAws extends FakeServices {
  readonly backend: Backend
  /** What came, oldest first. */
  readonly calls: FakeCall[] = []
  /** By access key id: whose signatures are accepted. */
  readonly keys = new Map<string, AccessKey>([['AKIATEST', { secret: 'CANARY-secret-access-key' }]])
  /** Milliseconds by which the clock of AWS is ahead of ours. */
  skew = 0
  /** Seconds that an assumed role lasts. */
  roleSeconds = 3600
  /** What is at the path of the container's endpoint. */
  container: { status: number; body: object } | undefined
  /** The tokens that web identities come with, and the authorization of containers. */
  readonly identityTokens = new Set<string>()
  #roles = 0

  constructor(backend: Backend) {
    super()
    this.backend = backend
  }

  get origin(): string {
    return this.backend.origin
  }

  /** The operations that were called, in order. */
  get operationsCalled(): string[] {
    return this.calls.map(({ operation }) => operation)
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    void this.#answer(request, response)
  }

  /** Credentials that are accepted from now on, as an assumed role has them. */
  issue(): { AccessKeyId: string; SecretAccessKey: string; SessionToken: string; Expiration: string } {
    const id = `ASIAROLE${++this.#roles}`
    const key = { secret: `CANARY-role-secret-${this.#roles}`, token: `CANARY-role-token-${this.#roles}` }
    this.keys.set(id, key)
    return {
      AccessKeyId: id,
      SecretAccessKey: key.secret,
      SessionToken: key.token,
      Expiration: new Date(Date.now() + this.roleSeconds * 1000).toISOString(),
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request)
    response.setHeader('date', new Date(Date.now() + this.skew).toUTCString())
    if (request.method === 'GET' && request.url === '/credentials')
      return this.#ofContainer(request, response)
    const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded'
    try {
      if (request.method !== 'POST' || request.url !== '/') throw new FakeError('UnknownOperationException')
      if (isForm) return answer(200, this.#sts(request, body), xml)(request, response)
      const result = this.#json(request, body)
      answer(200, JSON.stringify(result), json)(request, response)
    } catch (error) {
      if (!(error instanceof FakeError)) throw error
      const { code, message, status } = error
      const sent = isForm
        ? `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
        : JSON.stringify({ __type: `com.amazon.coral.service#${code}`, message })
      answer(status, sent, isForm ? xml : json)(request, response)
    }
  }

  #json(request: IncomingMessage, body: Buffer): unknown {
    const target = String(request.headers['x-amz-target'])
    const operation = target.split('.').at(-1) ?? ''
    this.#checkSignature(request, body)
    const run = this.operations[target]
    if (run === undefined || request.headers['content-type'] !== 'application/x-amz-json-1.1') {
      throw new FakeError('UnknownOperationException')
    }
    const input = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    this.calls.push({ operation, input, accessKey: accessKeyOf(request) })
    this.refuse(operation)
    return run(input)
  }

  #sts(request: IncomingMessage, body: Buffer): string {
    const form = new URLSearchParams(body.toString('utf8'))
    const operation = form.get('Action') ?? ''
    if (operation === 'AssumeRole') this.#checkSignature(request, body)
    this.calls.push({ operation, input: Object.fromEntries(form), accessKey: accessKeyOf(request) })
    this.refuse(operation)
    if (operation === 'AssumeRoleWithWebIdentity') {
      if (!this.identityTokens.has(form.get('WebIdentityToken') ?? '')) {
        throw new FakeError('InvalidIdentityToken')
      }
    } else if (operation !== 'AssumeRole') throw new FakeError('InvalidAction')
    const members = Object.entries(this.issue()).map(([name, value]) => `<${name}>${value}</${name}>`)
    return `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${operation}Result><Credentials>${members.join('')}</Credentials></${operation}Result></${operation}Response>`
  }

  #ofContainer(request: IncomingMessage, response: ServerResponse): void {
    this.calls.push({ operation: 'container', input: {}, accessKey: undefined })
    const { authorization = '' } = request.headers
    if (this.container !== undefined) {
      answer(this.container.status, JSON.stringify(this.container.body), json)(request, response)
    } else if (!this.identityTokens.has(authorization)) answer(401, '{}', json)(request, response)
    else {
      const { SessionToken: Token, ...rest } = this.issue()
      answer(200, JSON.stringify({ ...rest, Token }), json)(request, response)
    }
  }

  #checkSignature(request: IncomingMessage, body: Buffer): void {
    const problem = signatureProblem(request, body, this.keys, Date.now() + this.skew)
    if (problem !== undefined) throw new FakeError(problem)
  }
}

const json = { 'content-type': 'application/x-amz-json-1.1' }
const xml = { 'content-type': 'text/xml' }

function accessKeyOf(request: IncomingMessage): string | undefined {
  return /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1]
}
