import t from 'tap'
import { isEqual } from '../../src/config/equal.ts'
import { StringSource } from '../../src/config/source.ts'
import { parse } from './helpers.ts'

t.test('plain values, lists and mappings are equal when they say the same', async (t) => {
  t.ok(isEqual({ a: [1, { b: 'x' }], c: undefined }, { a: [1, { b: 'x' }] }))
  t.ok(isEqual({ a: 1, b: 2 }, { b: 2, a: 1 }), 'in whatever order')
  for (const [a, b] of [
    [1, '1'],
    [
      [1, 2],
      [2, 1],
    ],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{}, []],
    [null, {}],
    [undefined, null],
  ]) {
    t.notOk(isEqual(a, b), JSON.stringify([a, b]))
    t.notOk(isEqual(b, a))
  }
})

t.test('a mapping may have names that objects inherit', async (t) => {
  t.notOk(isEqual({ constructor: 1 }, {}))
  t.notOk(isEqual({}, { toString: 1 }))
})

t.test('string sources are equal when they are written in the same way, literals too', async (t) => {
  const of = (spec: ConstructorParameters<typeof StringSource>[0]): StringSource => new StringSource(spec)
  t.ok(isEqual(of('CANARY-token-1'), of('CANARY-token-1')))
  t.notOk(isEqual(of('CANARY-token-1'), of('CANARY-token-2')))
  t.ok(isEqual(of({ env: 'A' }), of({ env: 'A' }).withEnvironment({})))
  t.notOk(isEqual(of({ env: 'A' }), of({ env: 'B' })))
  t.notOk(isEqual(of({ env: 'A' }), of({ file: 'A' })))
  t.notOk(isEqual(of('A'), 'A'))
  t.notOk(isEqual(of('A'), new StringSource('A', 'text')))
})

t.test('string sources are compared within lists and mappings as well', async (t) => {
  const tokens = (...names: string[]) => ({ web: { tokens: names.map((env) => new StringSource({ env })) } })
  t.ok(isEqual(tokens('A', 'B'), tokens('A', 'B')))
  t.notOk(isEqual(tokens('A', 'B'), tokens('B', 'A')))
  t.notOk(isEqual(tokens('A'), tokens('A', 'B')))
  t.notOk(isEqual(tokens('A'), tokens('C')))
})

t.test('two readings of one file are equal', async (t) => {
  const text = `
providers:
  p: { type: http, url: "https://a.test/{key}", token: CANARY-token, headers: { X-A: { env: A } } }
secrets: { a: { provider: p }, "b/*": { provider: p } }
proxy: { listen: 127.0.0.1:0, upstream: "http://127.0.0.1:1", limits: [{ name: l, rate: 1/s }] }
`
  const [one, two] = await Promise.all([parse(text), parse(text)])
  t.ok(isEqual(one.config, two.config))
  t.notOk(isEqual(one.config, (await parse(text.replace('CANARY-token', 'CANARY-other'))).config))
})
