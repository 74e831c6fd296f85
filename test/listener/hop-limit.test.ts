import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { limitHops } from '../../src/listener/hop-limit.ts'

async function serverAt(t: Test, host: string): Promise<{ server: Server; port: number }> {
  const server = createServer()
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { server, port: address.port }
}

/** As the system says it (getsockopt(2)). */
function hopLimitOf(socket: Socket, host: string): number {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (typeof handle !== 'object' || handle === null || !('fd' in handle) || typeof handle.fd !== 'number') {
    throw new Error('the connection has no descriptor')
  }
  const { functions } = process.getBuiltinModule('node:ffi').dlopen(null, {
    getsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'buffer'], return: 'i32' },
  })
  const [value, length] = [Buffer.alloc(4), Buffer.from(Int32Array.of(4).buffer)]
  const [level, name] = isIPv6(host) ? [41, 16] : [0, 2]
  if (functions.getsockopt(handle.fd, level, name, value, length) !== 0) throw new Error('refused')
  return value.readInt32LE()
}

for (const host of ['127.0.0.1', '::1']) {
  t.test(
    `what is accepted on ${host} sends with a hop limit of 1, and is reached all the same`,
    async (t) => {
      const { server, port } = await serverAt(t, host)
      t.equal(limitHops(server, host), undefined)
      server.once('connection', (accepted) => accepted.end(`here, with ${hopLimitOf(accepted, host)}`))
      t.equal(await text(connect(port, host)), 'here, with 1')
    },
  )
}

t.test('where it cannot be set, why is told and nothing else happens', async (t) => {
  const { server } = await serverAt(t, '127.0.0.1')
  t.equal(
    limitHops(server, '127.0.0.1', () => undefined),
    'this Node cannot call the C library',
  )
  t.equal(
    limitHops(server, '127.0.0.1', () => () => -1),
    'the system refuses it',
  )
  const broken = (): never => {
    throw new Error('no such symbol')
  }
  t.equal(limitHops(server, '127.0.0.1', broken), 'no such symbol')
  t.equal(limitHops(createServer(), '127.0.0.1'), 'the socket has no descriptor')
})

t.test('nothing is written about the experiment that the module is, and other warnings are', (t) => {
  const script = `
    import { createServer } from 'node:net'
    import { limitHops } from '${new URL('../../src/listener/hop-limit.ts', import.meta.url)}'
    const server = createServer().listen(0, '127.0.0.1', () => {
      console.log(String(limitHops(server, '127.0.0.1')))
      process.emitWarning('another')
      server.close()
    })`
  // tap turns warnings off in whatever a test starts.
  const said = spawnSync(process.execPath, ['--warnings', '--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: {},
  })
  t.equal(said.stdout, 'undefined\n')
  t.notMatch(said.stderr, /Experimental/)
  t.match(said.stderr, 'Warning: another')
  t.end()
})
