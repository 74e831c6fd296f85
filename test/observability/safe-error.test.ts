import { readFileSync } from 'node:fs'
import t from 'tap'
import { CodedError } from '../../src/errors.ts'
import { safeError } from '../../src/observability/safe-error.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { canaryGuard } from '../support/canary.ts'

/** What `work` throws. */
function thrownBy(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

t.test('our own errors keep their code and message, and lose their cause', async (t) => {
  const cause = new Error('CANARY-cause')
  const coded = safeError(new CodedError('SIDEKEEP_SECRET_NOT_FOUND', ['db-password'], { cause }))
  t.match(coded, { name: 'CodedError', code: 'SIDEKEEP_SECRET_NOT_FOUND', message: /"db-password"/ })
  const provider = safeError(new ProviderError('unavailable', 'refused', 'platform refused', { cause }))
  t.strictSame(provider, { name: 'ProviderError', code: 'unavailable/refused', message: 'platform refused' })
  canaryGuard(t).noLeak('what is said of them', [coded, provider])
})

t.test('errors of the operating system keep their message', async (t) => {
  const error = thrownBy(() => readFileSync('/nowhere/at/all'))
  t.match(safeError(error), { name: 'Error', code: 'ENOENT', message: /no such file.*\/nowhere\/at\/all/ })
})

t.test('of a foreign error the kind and the place are told, not the message', async (t) => {
  const error = thrownBy(() => JSON.parse('CANARY-text'))
  const safe = safeError(error)
  t.strictSame(Object.keys(safe), ['name', 'stack'])
  t.equal(safe.name, 'SyntaxError')
  t.match(safe.stack, /^ +at .*safe-error\.test\.ts:/m)
  canaryGuard(t).noLeak('what is said of it', safe)
})

t.test('neither its code nor its other members carry anything out', async (t) => {
  const error = Object.assign(new Error('CANARY-message'), {
    code: 'ERR_LIBRARY',
    input: 'CANARY-input',
    cause: new Error('CANARY-cause'),
    errors: [new Error('CANARY-inner')],
  })
  const safe = safeError(error)
  t.match(safe, { name: 'Error', code: 'ERR_LIBRARY' })
  canaryGuard(t).noLeak('what is said of it', [
    safe,
    safeError(Object.assign(error, { code: 'CANARY-code' })),
  ])
})

t.test('a message that looks like the lines of a stack is not taken for one', async (t) => {
  const guard = canaryGuard(t)
  const lines = new Error('first\n    at CANARY-frame (CANARY-file:1:1)')
  guard.noLeak('what is said of it', safeError(lines))
  t.match(safeError(lines).stack, 'safe-error.test.ts')

  for (const message of ['another', '']) {
    const changed = new Error('first\n    at CANARY-frame (CANARY-file:1:1)')
    t.ok(changed.stack?.includes('CANARY-frame'))
    changed.message = message
    guard.noLeak('what is said of one whose message was changed', safeError(changed))
  }
})

t.test('an error without a message still tells its place', async (t) => {
  t.match(safeError(new TypeError()).stack, 'safe-error.test.ts')
})

t.test('of what is no error only the type is told', async (t) => {
  t.strictSame(safeError('CANARY-text'), { name: 'string' })
  t.strictSame(safeError({ message: 'CANARY-text' }), { name: 'object' })
  t.strictSame(safeError(undefined), { name: 'undefined' })
})
