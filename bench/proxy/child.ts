/** Servers that run beside the benchmark: started on free ports of loopback, ended by their ids. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** How long a server may take until it accepts connections, in milliseconds. */
const startWithin = 15_000
/** What it may take to end; then it is killed. */
const endWithin = 10_000
/** Of what it printed, for an error. */
const keptOutput = 2_000

export interface Started {
  readonly pid: number
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})
// An interrupted benchmark leaves no server behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/**
 * Runs a server until all its ports accept connections.
 *
 * @throws with the end of what it printed, where it ends before that or takes longer than 15 s
 */
export async function startServer(
  name: string,
  [program = '', ...args]: readonly string[],
  ports: readonly number[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const env = { ...process.env, ...environment }
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let printed = ''
  const keep = (data: Buffer): void => {
    printed = `${printed}${data}`.slice(-keptOutput)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  child.once('error', (error) => {
    printed = error.message
    resolve()
  })
  child.once('exit', () => resolve())
  const end = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), endWithin)
    await ended
    clearTimeout(timer)
    running.delete(child)
  }
  const until = performance.now() + startWithin
  for (const port of ports) {
    while (!(await isOpen(port))) {
      const isGone = await Promise.race([ended.then(() => true), pause(20, false)])
      if (!isGone && performance.now() < until) continue
      await end()
      throw new Error(`${name} did not start: ${printed.trim() || 'it did not say why'}`)
    }
  }
  return { pid: child.pid ?? 0, stop: end }
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Free a moment ago: for servers that must be told their port. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
