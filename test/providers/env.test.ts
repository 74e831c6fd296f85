import t from 'tap'
import { createEnvProvider } from '../../src/providers/env.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import { conformance, context, type Fault, type Harness, signal, text } from './conformance.ts'

function provider(env: NodeJS.ProcessEnv): Provider {
  return createEnvProvider({ type: 'env', prefix: 'APP_' }, context(t), env)
}

const impossible = (
  faults: readonly (Fault | 'waiting' | 'binary values')[],
  why: string,
): Harness['inapplicable'] => Object.fromEntries(faults.map((fault) => [fault, why]))

conformance('env', {
  serve: async (_t, secrets) =>
    provider(
      Object.fromEntries([...secrets].map(([name, value]) => [`APP_${name}`, value.toString('utf8')])),
    ),
  faults: {},
  inapplicable: {
    ...impossible(
      [
        'denied',
        'throttled',
        'absent',
        'failing',
        'reset before headers',
        'reset amid the body',
        'closed amid the body',
        'never answering',
        'dripping byte by byte',
        'unknown certificate authority',
        'expired certificate',
        'certificate for another name',
        'host name without address',
        'malformed',
        'oversized',
        'waiting',
      ],
      'the environment is in the process already: reading it cannot fail, nor wait',
    ),
    'binary values': 'environment variables are text',
  },
})

t.test('only variables with the prefix and a name after it are secrets', async (t) => {
  const all = await provider({
    APP_A: 'CANARY-a',
    APP_: 'CANARY-nameless',
    OTHER: 'CANARY-o',
    app_b: 'CANARY-b',
  }).fetchAll?.(signal())
  t.same([...(all?.keys() ?? [])], ['A'])
})

t.test('a variable that is empty is a secret that is empty', async (t) => {
  t.equal(text((await provider({ APP_A: '' }).fetch(['A'], signal())).get('A')), '')
})
