/** Load on one URL: wrk where it is installed, else autocannon. */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { parseWrk } from './wrk.ts'

const run = promisify(execFile)

export interface Load {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
}

export interface Measured {
  readonly requestsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Answers that were not 2xx or 3xx, and requests that got none. */
  readonly errors: number
}

export interface LoadTool {
  readonly name: string
  measure(load: Load): Promise<Measured>
}

export async function findLoadTool(): Promise<LoadTool> {
  try {
    await run('wrk', ['--version']).catch((error: { code?: unknown }) => {
      // It prints its version and exits with 1.
      if (error.code !== 1) throw error
    })
    return { name: 'wrk', measure: wrk }
  } catch {
    return { name: 'autocannon', measure: autocannon }
  }
}

async function wrk({ url, headers, connections, seconds }: Load): Promise<Measured> {
  const head = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...head, url]
  const { stdout } = await run('wrk', args)
  const { requestsPerSecond, p50, p99, refused, socketErrors } = parseWrk(stdout)
  return { requestsPerSecond, p50, p99, errors: refused + socketErrors }
}

/** What autocannon's `--json` prints, as far as it is read here. */
interface AutocannonReport {
  readonly requests: { readonly average: number }
  readonly latency: { readonly p50: number; readonly p99: number }
  readonly errors: number
  readonly '4xx': number
  readonly '5xx': number
}

async function autocannon({ url, headers, connections, seconds }: Load): Promise<Measured> {
  const program = createRequire(import.meta.url).resolve('autocannon')
  const head = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`])
  const args = [program, '--json', '-c', String(connections), '-d', String(seconds), ...head, url]
  // In a process of its own, like wrk: in this one it would share its event loop with the provider.
  const { stdout } = await run(process.execPath, args, { maxBuffer: 2 ** 24 })
  const report = JSON.parse(stdout) as AutocannonReport
  return {
    requestsPerSecond: report.requests.average,
    p50: report.latency.p50,
    p99: report.latency.p99,
    errors: report.errors + report['4xx'] + report['5xx'],
  }
}
