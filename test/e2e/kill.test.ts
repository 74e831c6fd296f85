/** kill -9 in the middle of anything: what is left behind keeps no successor from starting and serving. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import t from 'tap'
import { answer } from '../support/backend.ts'
import { eventually, inTime } from '../support/e2e-eventually.ts'
import { comesUpClean, createKillScene, type KillScene, kill } from '../support/e2e-kill.ts'
import type { SidecarProcess } from '../support/process-sidecar.ts'

/** Each brings a sidecar to a moment and gives it to be killed there. */
const moments: Readonly<Record<string, (scene: KillScene) => Promise<SidecarProcess>>> = {
  'before it has read its configuration': async (scene) => {
    const sidecar = scene.launch()
    await once(sidecar.child.process, 'spawn')
    return sidecar
  },
  'when its listeners have just opened': async (scene) => {
    const sidecar = scene.launch()
    await eventually('the socket', () => existsSync(scene.socket))
    return sidecar
  },
  'in the first fetch': async (scene) => {
    const asked = scene.silence()
    const sidecar = scene.launch()
    await asked
    return sidecar
  },
  'in a refresh, before the answer': async (scene) => {
    const sidecar = await scene.ready()
    await scene.silence()
    return sidecar
  },
  'in a refresh, in the middle of the answer': async (scene) => {
    const sidecar = await scene.ready()
    const { promise, resolve } = Promise.withResolvers<void>()
    scene.backend.handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 })
      response.write('[{"name":"db-password","value":"CANARY-half', () => resolve())
    }
    await inTime('half of an answer', promise)
    return sidecar
  },
  'while the backend fails': async (scene) => {
    const sidecar = await scene.ready()
    scene.backend.handler = answer(500, 'CANARY-in-500')
    await sidecar.says('refresh failed')
    return sidecar
  },
  'in the middle of a stop': async (scene) => {
    scene.configure({ shutdown: { linger: '20s' } })
    const sidecar = await scene.ready()
    sidecar.child.signal('SIGTERM')
    await sidecar.says('stopping')
    scene.configure()
    return sidecar
  },
  'in the middle of a change of the configuration': async (scene) => {
    const sidecar = await scene.ready()
    const rule = { provider: 'platform', refresh: '300ms', maxStale: '2h' }
    const { promise, resolve } = Promise.withResolvers<void>()
    // The new provider is asked only by who has begun to apply what has changed.
    scene.backend.handler = (request) => {
      if (request.url?.startsWith('/raw/') === true) resolve()
    }
    scene.configure({
      providers: {
        platform: { type: 'http', url: scene.backend.url, token: { env: 'AUTH_TOKEN' }, timeout: '1s' },
        another: {
          type: 'http',
          url: `${new URL(scene.backend.url).origin}/raw/{key}`,
          token: { env: 'AUTH_TOKEN' },
        },
      },
      secrets: {
        'db-password': { ...rule, required: true },
        more: { provider: 'another', key: 'db-password' },
      },
    })
    sidecar.child.signal('SIGHUP')
    await inTime('a request of the new provider', promise)
    return sidecar
  },
}

for (const [moment, reach] of Object.entries(moments)) {
  t.test(`killed ${moment}, another comes up clean`, async (t) => {
    const scene = await createKillScene(t)
    await kill(await reach(scene))
    await comesUpClean(t, scene)
  })
}
