/** What a killed sidecar leaves behind: connections, a socket file, half a line of the log. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { canaryGuard } from '../support/canary.ts'
import { eventually, inTime } from '../support/e2e-eventually.ts'
import { comesUpClean, createKillScene, freePort, kill, readyLine, value } from '../support/e2e-kill.ts'
import { startLoad } from '../support/e2e-load.ts'
import { sources } from '../support/process-child.ts'
import { token } from '../support/process-sidecar.ts'

t.test('killed under load, another comes up clean and serves those who come back', async (t) => {
  const scene = await createKillScene(t)
  const port = await freePort()
  scene.configure({ api: { listen: `127.0.0.1:${port}` } })
  const killed = await scene.ready()
  const target = { host: '127.0.0.1', port, path: '/v1/secrets/db-password?format=raw', body: value }
  const load = startLoad({ ...target, callers: 50, whenTold: 'return' })
  await eventually('a load', () => load.answered > 500)
  await kill(killed)
  await inTime('the end of the load', load.ended)

  const sidecar = await scene.ready()
  t.equal(sidecar.api, `http://127.0.0.1:${port}`, 'on the same port, whatever connections were left there')
  const next = startLoad({ ...target, callers: 50, whenTold: 'leave' })
  await eventually('a load', () => next.answered > 500)
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  await inTime('the end of the load', next.ended)
  t.strictSame([...next.lost], [])
})

t.test('killed again and again, the next one still comes up clean', async (t) => {
  const scene = await createKillScene(t)
  for (let times = 0; times < 5; times += 1) {
    const sidecar = scene.launch()
    await sidecar.says('sidekeep started')
    await kill(sidecar)
  }
  await comesUpClean(t, scene)
})

t.test('a log that ends in half a line is gone on with', async (t) => {
  const scene = await createKillScene(t)
  scene.configure({ log: { level: 'trace', format: 'json' } })
  const log = join(scene.folder, 'sidekeep.log')
  const start = async (): Promise<{ end(signal: NodeJS.Signals): Promise<void> }> => {
    const file = openSync(log, 'a')
    const child = spawn(process.execPath, [sources, 'run', '--config', scene.file], {
      env: { PATH: process.env.PATH, AUTH_TOKEN: token },
      stdio: ['ignore', file, 'inherit'],
    })
    const exited = once(child, 'exit')
    t.teardown(async () => {
      child.kill('SIGKILL')
      await exited
    })
    closeSync(file)
    return {
      async end(signal) {
        child.kill(signal)
        await inTime('the end of the process', exited)
      },
    }
  }
  const says = (line: string, times: number) =>
    eventually(line, () => readFileSync(log, 'utf8').split(line).length > times)

  const killed = await start()
  await says('provider called', 3)
  await killed.end('SIGKILL')
  // Where within its last line it is killed is nobody's to choose, so it is cut here.
  const whole = readFileSync(log, 'utf8')
  truncateSync(log, whole.length - 20)

  const successor = await start()
  await says(readyLine, 2)
  await successor.end('SIGTERM')
  const after = readFileSync(log, 'utf8').slice(whole.length - 20)
  const [, ...lines] = after.trimEnd().split('\n')
  t.ok(lines.length > 2)
  const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
  t.equal(messages.at(-1), 'stopped')
  canaryGuard(t).noLeak('the log', after)
})
