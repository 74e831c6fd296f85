import t from 'tap'
import { pickField } from '../../src/secrets/field.ts'
import fc from '../support/property.ts'

t.test('the examples of RFC 6901, section 5', (t) => {
  const document = `{
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\\\j": 5,
    "k\\"l": 6,
    " ": 7,
    "m~n": 8
  }`
  for (const [pointer, picked] of [
    ['/foo', '["bar","baz"]'],
    ['/foo/0', 'bar'],
    ['/', '0'],
    ['/a~1b', '1'],
    ['/c%d', '2'],
    ['/e^f', '3'],
    ['/g|h', '4'],
    ['/i\\j', '5'],
    ['/k"l', '6'],
    ['/ ', '7'],
    ['/m~0n', '8'],
  ] as const) {
    t.equal(pickField(document, pointer), picked, pointer)
  }
  t.end()
})

t.test('"~01" is "~1", not "/"', (t) => {
  t.equal(pickField('{"~1":"CANARY-tilde","/":"CANARY-slash"}', '/~01'), 'CANARY-tilde')
  t.end()
})

t.test('without a leading slash it is the name of a member, whatever is in it', (t) => {
  const document = '{"a.b":"CANARY-dot","a/b":"CANARY-slash","~0":"CANARY-tilde","0":"CANARY-zero"}'
  t.equal(pickField(document, 'a.b'), 'CANARY-dot')
  t.equal(pickField(document, 'a/b'), 'CANARY-slash')
  t.equal(pickField(document, '~0'), 'CANARY-tilde')
  t.equal(pickField(document, '0'), 'CANARY-zero')
  t.end()
})

t.test('an index is a plain number within the array, and nothing else of an array is a field', (t) => {
  const document = '{"list":["CANARY-0","CANARY-1"]}'
  t.equal(pickField(document, '/list/1'), 'CANARY-1')
  for (const index of [
    '2',
    '-',
    '-1',
    '01',
    '1.0',
    '1e0',
    '+1',
    ' 1',
    '',
    'length',
    'at',
    '99999999999999999999',
  ]) {
    t.equal(pickField(document, `/list/${index}`), undefined, index)
  }
  t.equal(pickField('["CANARY-0"]', '0'), 'CANARY-0')
  t.end()
})

t.test('members that the value does not hold itself are not there', (t) => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']) {
    t.equal(pickField('{}', name), undefined)
    t.equal(pickField('{"a":{}}', `/a/${name}`), undefined)
    t.equal(pickField('{"a":{}}', `/a/${name}/name`), undefined)
    t.equal(pickField(`{"${name}":"CANARY-own"}`, name), 'CANARY-own', 'its own is')
  }
  t.equal(pickField('"CANARY-text"', 'length'), undefined)
  t.equal(pickField('"CANARY-text"', '/0'), undefined)
  t.end()
})

t.test('what is no JSON has no fields', (t) => {
  for (const text of ['', 'CANARY-plain', '{', "{'a':1}", '{"a":1,}', 'null', '7', 'true', '"CANARY-text"']) {
    t.equal(pickField(text, 'a'), undefined)
    t.equal(pickField(text, '/a/b'), undefined)
  }
  t.end()
})

t.test('a value that is nested as deeply as its size allows does no harm', (t) => {
  const depth = 200_000
  const document = `{"a":${'['.repeat(depth)}${']'.repeat(depth)},"b":"CANARY-beside"}`
  t.equal(pickField(document, 'b'), 'CANARY-beside')
  t.equal(pickField(document, 'a')?.length, 2 * depth)
  t.end()
})

t.test('a value that is nested deeper than can be written is no field, and throws nothing', (t) => {
  // Members that look like indices are written by recursion, where arrays are not.
  const document = `{"a":${'{"0":'.repeat(100_000)}1${'}'.repeat(100_000)},"b":"CANARY-beside"}`
  t.equal(pickField(document, 'a'), undefined)
  t.equal(pickField(document, 'b'), 'CANARY-beside')
  t.end()
})

t.test('every path of a JSON value is found by its pointer', (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const document = JSON.stringify(value)
      for (const [pointer, at] of pathsOf(JSON.parse(document), '')) {
        const picked = pickField(document, pointer)
        if (picked !== (typeof at === 'string' ? at : JSON.stringify(at))) return false
      }
      return true
    }),
  )
  t.end()
})

function* pathsOf(value: unknown, prefix: string): Generator<[string, unknown]> {
  if (typeof value !== 'object' || value === null) return
  for (const [key, at] of Object.entries(value)) {
    const pointer = `${prefix}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    yield [pointer, at]
    yield* pathsOf(at, pointer)
  }
}

t.test('a number keeps its spelling, which a double would change', (t) => {
  const document = '{"id":12345678901234567890,"price":1.50,"all":{"deep":[1e400]}}'
  t.equal(pickField(document, 'id'), '12345678901234567890')
  t.equal(pickField(document, 'price'), '1.50')
  t.equal(pickField(document, 'all'), '{"deep":[1e400]}')
  t.equal(pickField(document, '/id/rawJSON'), undefined, 'and has no members')
  t.end()
})

t.test('beside a value that is nested too deep for numbers to keep their spelling, none is a field', (t) => {
  for (const [open, close] of [
    ['{"0":', '}'],
    ['[', ']'],
  ] as const) {
    const deep = `${open.repeat(100_000)}true${close.repeat(100_000)}`
    const document = `{"id":12345678901234567890,"all":{"pin":[1.50]},"b":"CANARY-beside","c":[true,"CANARY-2"],"d":${deep}}`
    t.equal(pickField(document, 'id'), undefined, 'rather than 12345678901234567000')
    t.equal(pickField(document, 'all'), undefined)
    t.equal(pickField(document, '/all/pin/0'), undefined)
    t.equal(pickField(document, 'b'), 'CANARY-beside')
    t.equal(pickField(document, 'c'), '[true,"CANARY-2"]')
  }
  t.end()
})
