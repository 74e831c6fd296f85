import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ExecProviderConfig } from '../../../src/config/schema.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { conformance, type Fault, type Harness, type Secrets, shortTimeout } from '../conformance.ts'
import { execProvider, Marker } from './support.ts'

const inapplicable: Harness['inapplicable'] = {
  throttled: 'an exit code carries no time to wait; without one it is shown in failures.test.ts',
  ...Object.fromEntries(
    (['reset before headers', 'reset amid the body', 'closed amid the body'] as const).map((fault) => [
      fault,
      'there is no connection: a program that dies has an exit code or a signal, as failures.test.ts shows',
    ]),
  ),
  ...Object.fromEntries(
    (
      [
        'unknown certificate authority',
        'expired certificate',
        'certificate for another name',
        'host name without address',
      ] as const
    ).map((fault) => [fault, 'the network is the affair of the program']),
  ),
}

interface Way {
  /** What the program is given beside its own arguments: the key, where it is run for each. */
  readonly args: readonly string[]
  serve(t: Test, secrets: Secrets): Provider
}

/** The same programs, run in one of the two ways. */
function harness({ args, serve }: Way): Harness {
  const shell =
    (body: string, more: Partial<ExecProviderConfig> = {}) =>
    async (t: Test): Promise<Provider> =>
      execProvider(t, ['/bin/sh', '-c', body, 'sh', ...args], more)
  const faults: Partial<Record<Fault, (t: Test) => Promise<Provider>>> = {
    denied: shell('echo CANARY-a; echo CANARY-b >&2; exit 4', { exitCodes: { 4: 'denied' } }),
    absent: async (t) => execProvider(t, [join(t.testdir({}), 'none'), ...args]),
    failing: shell('echo CANARY-a; echo CANARY-b >&2; exit 1'),
    'never answering': shell('exec sleep 1000', { timeout: shortTimeout }),
    'dripping byte by byte': shell('while :; do printf " "; sleep 0.01; done', { timeout: shortTimeout }),
    malformed: args.length === 0 ? shell("echo '[CANARY-'") : shell('echo'),
    oversized: shell('echo CANARY-; cat /dev/zero', { maxBody: 500 }),
  }
  return {
    serve: async (t, secrets) => serve(t, secrets),
    faults,
    async waiting(t) {
      const marker = new Marker(t)
      const provider = execProvider(t, [
        '/bin/sh',
        '-c',
        'echo $$ > "$1"; exec sleep 1000',
        'sh',
        marker.path,
        ...args,
      ])
      const asked = marker.pid().then(() => {})
      return { provider, asked, left: asked.then(() => marker.gone()) }
    },
    inapplicable,
  }
}

conformance(
  'exec: one run a key',
  harness({
    args: ['{key}'],
    serve(t, secrets) {
      const path = t.testdir({})
      for (const [name, value] of secrets) writeFileSync(join(path, name), Buffer.from([...value, 0x0a]))
      return execProvider(t, ['/bin/cat', `${path}/{key}`], { exitCodes: { 1: 'missing' } })
    },
  }),
)

conformance(
  'exec: one run for all',
  harness({
    args: [],
    serve(t, secrets) {
      const path = join(t.testdir({}), 'list.json')
      const items = [...secrets].map(([name, value]) => ({
        name,
        value: value.toString('base64'),
        encoding: 'base64',
      }))
      writeFileSync(path, JSON.stringify(items))
      return execProvider(t, ['cat', path])
    },
  }),
)
