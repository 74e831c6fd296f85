import { readFileSync } from 'node:fs'
import t from 'tap'
import { Caller } from '../../src/access/caller.ts'
import { errorTable } from '../../src/errors.ts'
import { cacheResults } from '../../src/observability/metrics-state.ts'
import { request } from './support/client.ts'
import { openEvents } from './support/event-client.ts'
import { createWorld } from './support/world.ts'

const page = readFileSync(new URL('../../docs/http-api.md', import.meta.url), 'utf8')

/** As the page writes the token of a caller. */
function identify(token: string): Caller | undefined {
  if (token !== '$TOKEN') return undefined
  const rights = ['read', 'list', 'watch', 'control'] as const
  return new Caller({ name: 'web', listener: 'test', rights, allows: undefined, limit: undefined })
}

t.test('the page lists every code that a caller can meet, with its status, and no other', async (t) => {
  const listed = [...page.matchAll(/^\| `(SIDEKEEP_[A-Z_]+)` \| (\d{3}) \|/gm)].map(
    ([, code, status]) => `${status} ${code}`,
  )
  const codes = Object.entries(errorTable).flatMap(([code, { status }]) =>
    status === undefined ? [] : [`${status} ${code}`],
  )
  t.strictSame(listed.sort(), codes.sort())
  for (const [code] of page.matchAll(/SIDEKEEP_[A-Z]+(?:_[A-Z]+)*(?!…|_…)\b/g)) {
    t.ok(Object.hasOwn(errorTable, code) || code === 'SIDEKEEP_REFRESH', code)
  }
})

t.test('the page has every route with a curl line, and every metric', async (t) => {
  const world = await createWorld(t)
  const document = (await world.get('/openapi.json')).json()
  for (const template of Object.keys(Object(document.paths))) {
    const [path = ''] = template.split('/{')
    t.match(page, path, template)
    t.ok(page.includes(`http://127.0.0.1:7575${path}`), `${template} has a curl line`)
  }
  const { text } = await world.get('/metrics')
  for (const [, name = ''] of text.matchAll(/^# TYPE (sidekeep_\w+) /gm))
    t.ok(page.includes(`\`${name}`), name)
  for (const result of cacheResults) t.ok(page.includes(`\`${result}\``), result)
})

t.test('the curl lines of the page do as it says', async (t) => {
  const world = await createWorld(t, {
    values: { 'db-password': 'CANARY-db-password-1', 'app/config': '{"db":{"password":"CANARY-field-1"}}' },
  })
  const guarded = await createWorld(t, {
    deps: { access: { ...world.deps.access, wants: 'token', identify } },
  })
  const lines = [...page.matchAll(/^curl (?!.*--unix-socket)(.*)$/gm)].map(([, line = '']) => line)
  t.ok(lines.length > 20)
  for (const line of lines) {
    const url = new URL(/http:\/\/127\.0\.0\.1:7575[^\s']*/.exec(line)?.[0] ?? '')
    const headers = Object.fromEntries(
      [...line.matchAll(/H (['"])([\w-]+): (.*?)\1/g)].map(([, , name = '', value = '']) => [name, value]),
    )
    const { port } = line.includes('$TOKEN') ? guarded : world
    const path = `${url.pathname}${url.search}`
    const body = / -d '([^']*)'/.exec(line)?.[1]
    const method = line.startsWith('-sX POST') ? 'POST' : line.startsWith('-sI') ? 'HEAD' : 'GET'
    // A stream has no end to wait for.
    const { status } = line.startsWith('-sN')
      ? await openEvents(t, { port }, url.search, headers)
      : await request(port, method, path, { headers, ...(body === undefined ? {} : { body }) })
    const expected =
      /# (\d{3})$/.exec(line)?.[1] ??
      (line.includes('If-None-Match') ? '304' : path === '/quitquitquit' ? '202' : '200')
    t.equal(String(status), expected, line)
  }
})
