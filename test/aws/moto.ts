/** A real moto server, and what its administrator does there: with plain requests, so that the SDK proves nothing of itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** Milliseconds that the server gets to start: it imports much. */
const patience = 60_000

export const region = 'eu-central-1'

type Json = Record<string, unknown>

export class Moto {
  readonly origin: string
  readonly #child: ChildProcess

  private constructor(origin: string, child: ChildProcess) {
    this.origin = origin
    this.#child = child
  }

  /** @param program moto_server */
  static async start(program: string, scratch: string): Promise<Moto> {
    const port = await freePort()
    const log = createWriteStream(join(scratch, 'moto.log'), { flags: 'a' })
    await once(log, 'open')
    const child = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], { stdio: ['ignore', log, log] })
    const moto = new Moto(`http://127.0.0.1:${port}`, child)
    const end = performance.now() + patience
    while (!(await moto.#answers())) {
      if (child.exitCode !== null || performance.now() > end) throw new Error('moto_server did not start')
      await pause(100)
    }
    return moto
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** `secretsmanager.CreateSecret`, `AmazonSSM.PutParameter`. */
  async call(target: string, input: Json, account?: string): Promise<Json> {
    const service = target.startsWith('AmazonSSM') ? 'ssm' : 'secretsmanager'
    const response = await fetch(this.origin, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': target,
        authorization: signedFor(service),
        ...(account !== undefined && { 'x-moto-account-id': account }),
      },
      body: JSON.stringify(input),
    })
    const body = await response.text()
    if (!response.ok) throw new Error(`${target}: ${response.status} ${body}`)
    return JSON.parse(body === '' ? '{}' : body) as Json
  }

  /** An action of IAM, whose answers are XML. */
  async iam(action: string, input: Readonly<Record<string, string>>): Promise<string> {
    const response = await fetch(this.origin, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: signedFor('iam'),
      },
      body: new URLSearchParams({ Action: action, Version: '2010-05-08', ...input }).toString(),
    })
    const body = await response.text()
    if (!response.ok) throw new Error(`${action}: ${response.status} ${body}`)
    return body
  }

  /** From now on signatures are verified and policies count; `false`: no more. */
  async enforce(isEnforced: boolean): Promise<void> {
    const body = isEnforced ? '0' : 'Infinity'
    const response = await fetch(`${this.origin}/moto-api/reset-auth`, { method: 'POST', body })
    if (!response.ok) throw new Error(`reset-auth: ${response.status}`)
  }

  async createSecret(name: string, text: string, account?: string): Promise<string> {
    const { ARN } = await this.call(
      'secretsmanager.CreateSecret',
      { Name: name, SecretString: text },
      account,
    )
    return String(ARN)
  }

  async putSecret(name: string, text: string): Promise<string> {
    const input = { SecretId: name, SecretString: text, ClientRequestToken: crypto.randomUUID() }
    const { VersionId } = await this.call('secretsmanager.PutSecretValue', input)
    return String(VersionId)
  }

  async putParameter(name: string, value: string, more: Json = {}): Promise<void> {
    const input = { Name: name, Value: value, Type: 'SecureString', Overwrite: true, ...more }
    await this.call('AmazonSSM.PutParameter', input)
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.origin}/moto-api/data.json`)).ok
    } catch {
      return false
    }
  }
}

/** moto takes service and region from it, and verifies nothing unless it is told to. */
function signedFor(service: string): string {
  return `AWS4-HMAC-SHA256 Credential=AKIAADMIN/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=none`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}
