import t from 'tap'
import { Backend, faults } from '../support/backend.ts'
import { hostName } from './support/configuration.ts'
import { neverAnswers, oneByteASecond } from './support/injections.ts'
import { faultMatrix } from './support/matrix.ts'
import { hour, type Row, second } from './support/row.ts'
import type { Scene } from './support/scene.ts'

/** With the same jitter for all, keys fall due together: six that fail at the same time open the breaker. */
const inStep = (failure: string) => ({ list: [failure], keys: [failure, 'breaker opens'] })

/** Where the backend goes up and down at the moment. */
const flapping = new WeakSet<Scene>()

const rows: readonly Row[] = [
  {
    id: 'refused',
    fault: 'connections are refused',
    begin: ({ backend }) => backend.stop(),
    end: ({ backend }) => backend.start(),
    expected: { log: ['unavailable refused', 'breaker opens'] },
  },
  {
    id: 'reset',
    fault: 'reset before the headers',
    begin({ backend }) {
      backend.handler = faults.resetBeforeHeaders
    },
    expected: { log: ['unavailable reset', 'breaker opens'] },
  },
  {
    id: 'reset-mid-body',
    fault: 'reset in the middle of the body',
    begin({ backend }) {
      backend.handler = faults.resetMidBody
    },
    expected: { log: ['unavailable reset', 'breaker opens'] },
  },
  {
    id: 'silent',
    fault: 'accepts and never answers',
    begin(scene) {
      scene.backend.handler = neverAnswers(scene)
    },
    expected: { log: ['unavailable timeout', 'breaker opens'] },
  },
  {
    id: 'drip',
    fault: 'one byte a second',
    begin(scene) {
      scene.backend.handler = oneByteASecond(scene)
    },
    expected: { log: ['unavailable timeout', 'breaker opens'] },
  },
  {
    id: 'no-http',
    fault: 'something else than HTTP answers',
    begin({ backend }) {
      backend.handler = faults.noHttp
    },
    expected: { log: ['unavailable malformed', 'breaker opens'] },
  },
  {
    id: 'reuse',
    fault: 'connections are closed as soon as they are used again',
    scene: () => ({ keepsAlive: true }),
    begin({ backend }) {
      const used = new WeakSet<object>([...backend.sockets])
      backend.handler = (request, response) => {
        if (used.has(request.socket)) request.socket.destroy()
        else {
          used.add(request.socket)
          backend.serve(request, response)
        }
      }
    },
    needsPast: true,
    // What a connection in reserve fails with is made good by the next attempt, a second later.
    expected: {
      held: '200 fresh',
      first: { list: '200 fresh', keys: '503 SIDEKEEP_SECRET_NOT_LOADED' },
      log: inStep('unavailable reset'),
    },
  },
  {
    id: 'dns',
    fault: 'the name cannot be resolved',
    begin: ({ names }) => names.remove(hostName),
    end: ({ names, backend }) => names.set(hostName, backend.host),
    expected: { log: ['unavailable dns', 'breaker opens'] },
  },
  {
    id: 'dns-change',
    fault: 'the name goes on leading to the old address, which goes on with the old values',
    async begin({ backend, names, peers }, t) {
      const old = new Backend({ secrets: backend.secrets, host: backend.host, port: backend.port })
      await backend.stop()
      await old.start()
      peers.push(old)
      t.teardown(() => old.stop())
      backend.host = '127.0.0.2'
      await backend.start()
      names.set(hostName, old.host)
    },
    end: ({ backend, names }) => names.set(hostName, backend.host),
    once: true,
    expected: { held: '200 fresh', first: '200 fresh', start: '200 fresh', log: [] },
  },
  {
    id: 'moved',
    fault: 'the backend restarts on another address',
    async begin({ backend }) {
      await backend.stop()
    },
    async end({ backend, names }) {
      backend.host = backend.host === '127.0.0.1' ? '127.0.0.2' : '127.0.0.1'
      await backend.start()
      names.set(hostName, backend.host)
    },
    expected: { log: ['unavailable refused', 'breaker opens'] },
  },
  {
    id: 'restart',
    fault: 'the backend restarts: away for 3 s when it is asked',
    begin: ({ backend }) => backend.stop(),
    isBrief: true,
    async lasts(scene) {
      await scene.callsEnd(1, hour)
      await scene.advance(3 * second)
    },
    end: ({ backend }) => backend.start(),
    expected: { held: '200 fresh', log: inStep('unavailable refused') },
  },
  {
    id: 'flapping',
    fault: 'up for 5 s, down for 5 s, and so on, with `refresh: 10s`',
    scene: () => ({ refresh: '10s' }),
    begin(scene) {
      flapping.add(scene)
      let up = true
      const flap = (): void => {
        if (!flapping.has(scene)) return
        up = !up
        scene.backend.handler = up ? undefined : faults.resetBeforeHeaders
        scene.clock.setTimer(flap, 5 * second)
      }
      flap()
    },
    end(scene) {
      flapping.delete(scene)
      scene.backend.handler = undefined
    },
    expected: {
      held: '200 fresh',
      // It was listed while the backend was up; alone it is asked for while it is down.
      first: { list: '200 fresh', keys: '503 SIDEKEEP_SECRET_NOT_LOADED' },
      start: '200 stale',
      log: inStep('unavailable reset'),
      // Each recovery is followed by a call anywhere in the interval, here always one that meets the next failure.
      callsAtMost: { list: 200, keys: 800 },
    },
  },
]

await faultMatrix(t, 'connect', rows)
