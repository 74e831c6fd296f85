/** The application behind the proxies: nginx, so that it is never what the load waits for; without it, node:http. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, startServer } from './child.ts'
import { nginxConfig } from './nginx.ts'
import { largeBytes, paths, uploadBytes } from './paths.ts'
import { find } from './programs.ts'
import type { Scene } from './scene.ts'

export interface Upstream {
  readonly name: string
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

export async function startUpstream(scene: Pick<Scene, 'cores' | 'write' | 'path'>): Promise<Upstream> {
  const port = await freePort()
  const nginx = find('nginx')
  const command = nginx === undefined ? nodeCommand(port) : await nginxCommand(nginx, port, scene)
  const name = nginx === undefined ? 'node:http' : 'nginx'
  const server = await startServer('the upstream', [...scene.cores.others, ...command], [port])
  try {
    await assertReadsUploads(port)
  } catch (error) {
    await server.stop()
    throw error
  }
  return { name, port, url: `http://127.0.0.1:${port}`, stop: server.stop }
}

function nodeCommand(port: number): string[] {
  return [process.execPath, fileURLToPath(new URL('./upstream-node.ts', import.meta.url)), String(port)]
}

async function nginxCommand(
  nginx: string,
  port: number,
  { write, path }: Pick<Scene, 'write' | 'path'>,
): Promise<string[]> {
  const large = await write('64k', 'x'.repeat(largeBytes))
  const config = nginxConfig(path('upstream'), {
    http: `sendfile on;
open_file_cache max=16;`,
    // A mirror has the body read before anything is answered. `return` alone would answer first, and a static file takes
    // no POST: its 405 becomes the answer.
    server: `listen 127.0.0.1:${port} backlog=4096;
location = ${paths.small} { return 200 "${'x'.repeat(512)}"; }
location = ${paths.large} { alias ${large}; }
location = ${paths.upload} {
  client_body_buffer_size 64k;
  mirror /nowhere;
  alias ${large};
  error_page 405 =200 /read;
}
location = /nowhere { internal; return 204; }
location = /read { internal; return 200 "read"; }`,
  })
  return [nginx, '-e', 'stderr', '-c', await write('upstream.conf', config)]
}

/**
 * An upstream that answers before it has the body would make every upload an early answer, which is not what is measured.
 *
 * @throws where it does
 */
async function assertReadsUploads(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  const head = `POST ${paths.upload} HTTP/1.1\r\nHost: upstream\r\nContent-Length: ${uploadBytes}\r\n\r\n`
  socket.write(head + 'x'.repeat(uploadBytes - 1))
  await pause(100)
  const early = answer
  socket.write('x')
  await once(socket, 'data')
  socket.destroy()
  if (early !== '' || !answer.startsWith('HTTP/1.1 200 ')) {
    throw new Error(`the upstream does not read uploads: ${early === '' ? answer : 'it answered early'}`)
  }
}
