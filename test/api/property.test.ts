import t from 'tap'
import fc from '../support/property.ts'
import { raw } from './support/client.ts'
import { createWorld } from './support/world.ts'

const values = { 'db-password': 'CANARY-db-password-1', config: '{"password":"CANARY-field-1"}' }

/** Text that may stand in a request line or a header: anything but line ends and NUL, as Latin-1. */
const text = fc
  .string({
    unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  })
  .map((word) => word.replace(/\x7f/g, ''))
const pathPart = fc.oneof(
  text.map(encodeURIComponent),
  fc.constantFrom(
    'v1',
    'secrets',
    'refresh',
    'rejected',
    'explain',
    'db-password',
    'config',
    'livez',
    'readyz',
    'metrics',
    'openapi.json',
  ),
  fc.constantFrom('%', '%2F', '%00', '..', '.', '', '%ff', '*', ';', '%252F', '__proto__'),
)
const parameter = fc.tuple(
  fc.oneof(
    fc.constantFrom('format', 'field', 'refresh', 'wait', 'verbose', 'exclude', 'prefix', '__proto__'),
    text.map(encodeURIComponent),
  ),
  fc.oneof(
    fc.constantFrom('raw', 'json', 'true', 'password', '/password', '', '0s'),
    text.map(encodeURIComponent),
  ),
)
const header = fc.tuple(
  fc.constantFrom(
    'Accept',
    'If-None-Match',
    'Prefer',
    'Host',
    'Content-Type',
    'X-Sidekeep-Request',
    'Range',
    'Origin',
    'Via',
  ),
  fc.oneof(
    text,
    fc.constantFrom('*/*', '"x"', '*', 'localhost', 'true', 'text/plain', 'application/json', 'wait=0'),
  ),
)
const request = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'QUERY', 'TRACE'),
  path: fc.array(pathPart, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`),
  query: fc.array(parameter, { maxLength: 3 }).map((pairs) => pairs.map((pair) => pair.join('=')).join('&')),
  headers: fc.array(header, { maxLength: 4 }),
})

t.test('no request is answered 500, and none without the door’s leave is answered a value', async (t) => {
  const world = await createWorld(t, { values, rules: { 'shared/*': { key: '*' } } })
  const property = fc.asyncProperty(
    request,
    fc.boolean(),
    async ({ method, path, query, headers }, entitled) => {
      const lines = [`${method} ${path}${query === '' ? '' : `?${query}`} HTTP/1.1`, 'Connection: close']
      if (entitled) lines.push('Host: localhost', 'X-Sidekeep-Request: true')
      for (const [name, value] of headers) {
        if (entitled || name !== 'X-Sidekeep-Request') lines.push(`${name}: ${value}`)
      }
      const answer = await raw(world.port, lines)
      const [head = '', ...rest] = answer.split('\r\n\r\n')
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1])
      if (!(status >= 200 && status < 500) && status !== 503) return false
      if (head.includes('CANARY-')) return false
      const isValue = entitled && status === 200 && path.includes('secrets')
      return isValue || !rest.join('').includes('CANARY-')
    },
  )
  await fc.assert(property, { numRuns: 1_000 })
  t.strictSame(world.errors, [])
})
