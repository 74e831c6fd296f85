// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables are what is tested.

import t from 'tap'
import { interpolate } from '../../src/config/interpolate.ts'
import fc from '../support/property.ts'

const env = { HOST: 'backend.test', EMPTY: '', NESTED: '${HOST}' }
const value = (text: string): string => interpolate(text, env).value

t.test('a variable is put in wherever it is named', async (t) => {
  t.equal(value('https://${HOST}/a/${HOST}'), 'https://backend.test/a/backend.test')
  t.equal(interpolate('${HOST}', env).replaced, true)
})

t.test('a string without a reference stays as it is', async (t) => {
  for (const text of ['', 'plain', '$HOST', '$', '$$', 'a{b}', '{key}']) {
    t.strictSame(interpolate(text, env), { value: text, replaced: false, errors: [] }, text)
  }
})

t.test('$${ stands for the characters themselves', async (t) => {
  t.strictSame(interpolate('$${HOST}', env), { value: '${HOST}', replaced: false, errors: [] })
  t.equal(value('$${A}-${HOST}'), '${A}-backend.test')
})

t.test('a default stands in for a variable that is unset or empty', async (t) => {
  t.equal(value('${UNSET:-5m}'), '5m')
  t.equal(value('${EMPTY:-5m}'), '5m')
  t.equal(value('${HOST:-5m}'), 'backend.test')
  t.equal(value('${UNSET:-}'), '')
})

t.test('an empty variable is set', async (t) => {
  t.strictSame(interpolate('a${EMPTY}b', env), { value: 'ab', replaced: true, errors: [] })
})

t.test('what was put in is not looked at again', async (t) => {
  t.equal(value('${NESTED}'), '${HOST}')
})

t.test('an unset variable is an error at its place, with the one that was probably meant', async (t) => {
  const { errors } = interpolate('https://${HOTS}/', env)
  t.match(errors, [{ index: 8, expected: /the environment variable HOTS to be set/, suggestion: 'HOST' }])
})

t.test('a reference that names no variable is an error that says how to write it', async (t) => {
  for (const text of ['${}', '${1A}', '${A-B}', '${A', '${ A }', '${A:=b}', '${A.b}']) {
    const { errors } = interpolate(text, env)
    t.match(errors, [{ index: 0, expected: /\$\$\{ for the characters themselves/ }], text)
  }
})

t.test('every error of a string is told', async (t) => {
  t.strictSame(
    interpolate('${A}${}${B}', {}).errors.map(({ index }) => index),
    [0, 4, 7],
  )
})

t.test('no error holds the content of a variable', async (t) => {
  const secret = { PASSWORD: 'CANARY-password-1', PASSWORT: 'CANARY-password-2' }
  const { errors } = interpolate('${PASSWORD}${PASSWORDS}${x y}', secret)
  t.equal(errors.length, 2)
  t.notMatch(JSON.stringify(errors), /CANARY/)
})

t.test('members that every object inherits are no variables', async (t) => {
  t.equal(interpolate('${constructor}', Object.create(null)).errors.length, 1)
  t.equal(interpolate('${constructor}', {}).errors.length, 1)
  t.equal(interpolate('${__proto__}', {}).errors.length, 1)
})

t.test('text without a dollar sign comes through unchanged, whatever it is', async () => {
  fc.assert(fc.property(fc.string(), (text) => text.includes('$') || value(text) === text))
})
