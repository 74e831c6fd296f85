import t from 'tap'
import { negotiate } from '../../src/api/negotiate.ts'

const table: [accept: string | undefined, form: 'json' | 'raw', why: string][] = [
  [undefined, 'json', 'nothing is asked for'],
  ['', 'json', 'nothing is asked for'],
  ['*/*', 'json', 'anything'],
  ['application/json', 'json', 'named'],
  ['text/plain', 'raw', 'named'],
  ['application/octet-stream', 'raw', 'named'],
  ['TEXT/Plain; charset=utf-8', 'raw', 'types have no case, parameters do not count'],
  ['text/*', 'raw', 'only bytes are of that kind'],
  ['application/*', 'json', 'both are of that kind'],
  ['application/json, text/plain, */*', 'json', 'a tie goes to JSON'],
  ['text/plain, */*', 'raw', 'what is named wins over what is only allowed'],
  ['text/plain;q=0.5, application/json', 'json', 'the higher quality'],
  ['text/plain, application/json;q=0.9', 'raw', 'the higher quality'],
  ['*/*;q=0.1, text/plain;q=0', 'json', 'bytes as text are refused'],
  ['application/json;q=0, */*', 'raw', 'JSON is refused'],
  ['text/html, image/*', 'json', 'neither can be had'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'json', 'a browser'],
  ['application/json;q=0, text/plain;q=0', 'json', 'neither can be had'],
  ['text/plain;q=2', 'raw', 'a broken weight is no weight'],
]

t.test('the header Accept chooses the form (RFC 9110, section 12.5.1)', async (t) => {
  for (const [accept, form, why] of table)
    t.equal(negotiate(accept), form, `${accept ?? 'no header'}: ${why}`)
})
