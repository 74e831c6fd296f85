/** The processes that are measured: the built bundle, and its peer. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Run as the command that it is, with the options of its first line. */
export const bundle = fileURLToPath(new URL('../../dist/sidekeep.js', import.meta.url))

export const callerHeaders = { 'X-Sidekeep-Request': 'true' }

export interface Running {
  readonly process: ChildProcess
  readonly url: string
  /** From exec until it was ready, in milliseconds. */
  readonly readyMs: number
  stop(): Promise<void>
}

/** A provider of `count` secrets of `size` bytes each, on loopback. */
export async function startProvider(count: number, size: number): Promise<{ url: string; stop(): void }> {
  const value = 'x'.repeat(size)
  const body = JSON.stringify(
    Array.from({ length: count }, (_, at) => ({ name: `secret-${at}`, value, version: 'v1' })),
  )
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${port}/secrets`, stop }
}

/**
 * Runs the bundle against a provider until it is ready.
 *
 * @param audit what becomes of lines that cannot be written; undefined: there is no audit
 */
export async function startSidecar(
  providerUrl: string,
  {
    maxConnections = 1_024,
    audit,
  }: { readonly maxConnections?: number; readonly audit?: 'serve' | 'refuse' | undefined } = {},
): Promise<Running> {
  return await runSidecar(
    `api: { listen: "127.0.0.1:0", maxConnections: ${maxConnections} }
providers: { bench: { type: http, url: "${providerUrl}", maxBody: 64MiB, maxSecrets: 20000 } }
secrets: { "*": { provider: bench, refresh: 1h, required: true } }
cache: { maxEntries: 20000, maxBytes: 256MiB }
${audit === undefined ? '' : `audit: { file: "FOLDER/audit.log", onFailure: ${audit} }`}
`,
  )
}

/**
 * Runs the bundle until it is ready.
 *
 * @param yaml the configuration; `FOLDER` stands for one of the run's own
 */
export async function runSidecar(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'sidekeep-bench-'))
  const config = join(folder, 'sidekeep.yaml')
  await writeFile(config, yaml.replaceAll('FOLDER', folder))
  let url = ''
  const began = performance.now()
  const child = spawn(bundle, ['run', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { msg: string; api?: string }
    url = entry.api ?? url
    if (entry.msg.startsWith('ready')) break
  }
  const readyMs = performance.now() - began
  child.stdout.resume()
  return { process: child, url, readyMs, stop: () => end(child, () => rm(folder, { recursive: true })) }
}

/** Bare `node:http` that sends the very bytes that the sidecar sends for each of the paths. */
export async function startPeer(sidecar: Running, requests: readonly { path: string; headers: object }[]) {
  const answers: Record<string, { status: number; headers: string[]; body: string }> = {}
  for (const { path, headers } of requests) {
    const answer = await fetch(`${sidecar.url}${path}`, { headers: { ...callerHeaders, ...headers } })
    const kept = [...answer.headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name))
    answers[path] = { status: answer.status, headers: kept.flat(), body: await answer.text() }
  }
  const program = fileURLToPath(new URL('./peer.ts', import.meta.url))
  const began = performance.now()
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(answers))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const running: Running = {
    process: child,
    url: line,
    readyMs: performance.now() - began,
    stop: () => end(child, async () => {}),
  }
  return running
}

async function end(child: ChildProcess, clean: () => Promise<void>): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
  await clean()
}
