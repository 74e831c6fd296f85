import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { CodedError } from '../errors.ts'
import { createLog, flushLog } from '../observability/log.ts'
import type { Command } from './command.ts'
import { parse, print } from './command.ts'
import { close, DemoBackend, listen } from './demo/backend.ts'
import { createControl } from './demo/control.ts'
import { guide } from './demo/guide.ts'
import { reloadOnChange } from './reloading.ts'
import type { Serving } from './serve.ts'
import { serve } from './serve.ts'
import { processSignals } from './signals.ts'

const rotationMs = 10_000

const ports = {
  api: { option: 'port', fallback: '7575' },
  ops: { option: 'ops-port', fallback: '7576' },
  provider: { option: 'provider-port', fallback: '7580' },
  control: { option: 'control-port', fallback: '7581' },
} as const

type PortName = keyof typeof ports

export const command: Command = {
  help: `sidekeep demo [--port 7575] [--ops-port 7576] [--provider-port 7580] [--control-port 7581]

Starts a small provider on loopback, and a sidecar beside it, and prints curl lines that show what it does.
Nothing leaves the machine; the values are made up. Ctrl-C ends it, and so does closing the terminal.

  --port PORT            of the sidecar's api
  --ops-port PORT        of its health and metrics
  --provider-port PORT   of the provider
  --control-port PORT    of the switch that rotates, stops and starts the provider
  A port of 0 takes any that is free.

Exit codes: 0 ended by a signal, 1 a port is taken, 78 wrong usage.`,
  async run(args) {
    const { values } = parse('demo', args, {
      port: { type: 'string', default: ports.api.fallback },
      'ops-port': { type: 'string', default: ports.ops.fallback },
      'provider-port': { type: 'string', default: ports.provider.fallback },
      'control-port': { type: 'string', default: ports.control.fallback },
    })
    // All of them before anything is opened: a mistake in the last would else close what the first had opened.
    const chosen: Record<PortName, number> = {
      api: parsePort('api', values.port),
      ops: parsePort('ops', values['ops-port']),
      provider: parsePort('provider', values['provider-port']),
      control: parsePort('control', values['control-port']),
    }
    const portOf = (name: PortName): number => chosen[name]
    const signals = processSignals('stop')
    const folder = await mkdtemp(join(tmpdir(), 'sidekeep-demo-'))
    const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
    try {
      const serving = await start(folder, portOf, ends)
      const code = await serving.stop(await signals.asked)
      await endAll(ends)
      process.exit(code)
    } catch (error) {
      await endAll(ends)
      throw error
    }
  },
}

async function start(folder: string, portOf: (name: PortName) => number, ends: (() => Promise<unknown>)[]) {
  const token = randomBytes(24).toString('base64url')
  const backend = new DemoBackend(portOf('provider'), token)
  await withRemedy('provider', portOf, () => backend.start())
  ends.push(() => backend.stop())
  const rotation = setInterval(() => backend.rotate('db-password'), rotationMs)
  ends.push(async () => clearInterval(rotation))

  const control = createControl(backend)
  await withRemedy('control', portOf, () => listen(control, portOf('control')))
  ends.push(() => close(control))

  const configFile = join(folder, 'sidekeep.yaml')
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, token, { mode: 0o600 })
  await writeFile(configFile, configText(backend.url, tokenFile, portOf))
  const loaded = await loadConfig({ file: configFile, env: process.env, cwd: folder })
  const log = await createLog(loaded.config.log)
  ends.push(() => flushLog(log))
  const serving = await serveWithGuide({ loaded, log, backend, control, configFile })
  const reloading = reloadOnChange(loaded, serving, log)
  ends.push(async () => reloading.close())
  return serving
}

async function serveWithGuide(demo: {
  loaded: Awaited<ReturnType<typeof loadConfig>>
  log: Awaited<ReturnType<typeof createLog>>
  backend: DemoBackend
  control: Server
  configFile: string
}): Promise<Serving> {
  const { loaded, log, backend, control, configFile } = demo
  const announce = ({ api, ops = api }: Serving['addresses']): void => {
    const { port } = control.address() as AddressInfo
    print(guide({ api, ops, backend: backend.url, control: `http://127.0.0.1:${port}`, configFile }))
  }
  try {
    return await serve(loaded, log, announce)
  } catch (error) {
    throw withOption(error)
  }
}

/** A real configuration, as somebody would write it, but for refreshing so often that one can watch it. */
function configText(url: string, tokenFile: string, portOf: (name: PortName) => number): string {
  return `api:
  listen: 127.0.0.1:${portOf('api')}
ops:
  listen: 127.0.0.1:${portOf('ops')}
providers:
  platform:
    type: http
    url: ${url}
    token: { file: ${tokenFile} }
secrets:
  db-password: { provider: platform, refresh: 2s, maxStale: 10m, required: true }
  payment:     { provider: platform, key: stripe-live, refresh: 2s, maxStale: 10m }
  "shared/*":  { provider: platform, key: "shared-*", refresh: 2s, maxStale: 10m }
shutdown: { timeout: 900ms }
`
}

function parsePort(name: PortName, text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new CodedError('SIDEKEEP_USAGE', [
    `--${ports[name].option} ${text}: expected a port from 0 to 65535.`,
  ])
}

async function withRemedy(name: PortName, portOf: (name: PortName) => number, open: () => Promise<void>) {
  try {
    await open()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    const what = code === 'EADDRINUSE' ? `something else listens there already (${code})` : code
    throw listenFailed(name, `http://127.0.0.1:${portOf(name)}`, what, error)
  }
}

/** The sidecar's own remedy names an option of the configuration, which here is the demo's. */
function withOption(error: unknown): unknown {
  if (!(error instanceof CodedError) || error.code !== 'SIDEKEEP_LISTEN_FAILED') return error
  const [name, address, what] = error.args
  return listenFailed(name === 'ops' ? 'ops' : 'api', String(address), String(what), error)
}

function listenFailed(name: PortName, address: string, what: string, cause: unknown): CodedError {
  const remedy = `Choose another port with --${ports[name].option} PORT.`
  return new CodedError('SIDEKEEP_LISTEN_FAILED', [name, address, what, remedy], { cause })
}

async function endAll(ends: (() => Promise<unknown>)[]): Promise<void> {
  for (const end of ends.reverse()) await end()
}
