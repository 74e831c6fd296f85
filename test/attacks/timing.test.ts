/**
 * The attack: timing. Whoever can measure how long a wrong token takes to be refused learns, character by character, how
 * a right one begins, where a comparison stops at the first difference; and whether a secret exists that is not theirs,
 * where more is done for one that does. Times are compared in pairs, by their medians: a machine that does other things
 * as well slows both of a pair.
 */
import { connect } from 'node:net'
import t from 'tap'
import type { Access } from '../../src/access/access.ts'
import { Caller } from '../../src/access/caller.ts'
import { anyOf } from '../../src/secrets/glob.ts'
import { accessConfig, callersRig } from '../access/support/callers.ts'
import { createWorld } from '../api/support/world.ts'
import { requestText } from '../support/raw-http.ts'

/** How much longer one may take than the other, as a part of the whole. What is looked for is many times that. */
const tolerance = 0.15

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

/** The median of how much longer `second` takes than `first`, as a part of what `first` takes. */
function difference(first: () => unknown, second: () => unknown, { pairs = 400, calls = 20 } = {}): number {
  const timeOf = (run: () => unknown): number => {
    const began = process.hrtime.bigint()
    for (let call = 0; call < calls; call += 1) run()
    return Number(process.hrtime.bigint() - began)
  }
  const ratios: number[] = []
  for (let pair = 0; pair < pairs + 50; pair += 1) {
    // Which of them comes first alternates: the second finds warmer caches.
    const [early, late] = pair % 2 === 0 ? [first, second] : [second, first]
    const [a, b] = [timeOf(early), timeOf(late)]
    // The first rounds are those in which the code is compiled.
    if (pair >= 50) ratios.push(pair % 2 === 0 ? b / a : a / b)
  }
  return median(ratios) - 1
}

/** A token as long as one may be, so that a comparison that stops early would save as much as it can. */
const longest = 4_096
const random = (length: number, seed: number): string => {
  let state = seed
  let text = 'CANARY-'
  while (text.length < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    text += (state % 36).toString(36)
  }
  return text
}

/** Of the same length as the token: how much of its beginning is right. */
const wrong = (token: string, right: number): string =>
  `${token.slice(0, right)}${'!'.repeat(token.length - right)}`

/** What a comparison tells of how much of a token was right. */
function told(compare: (sent: string) => unknown, token: string, right: number): number {
  // Made in the same way: a string that was put together from two takes longer the first time it is read.
  const [none, some] = [wrong(token, 0), wrong(token, right)].map((text) =>
    Buffer.from(text).toString('latin1'),
  )
  return difference(
    () => compare(none ?? ''),
    () => compare(some ?? ''),
  )
}

t.test('a wrong token takes the same time, however much of its beginning is right', async (t) => {
  for (const length of [44, longest]) {
    const tokens = [random(length, 1), random(length, 2)]
    const { callers } = await callersRig(
      t,
      accessConfig({ web: { tokens: [tokens[0] ?? ''] }, worker: { tokens: [tokens[1] ?? ''] } }),
    )
    for (const token of tokens) {
      t.ok(callers.identify(token), 'the right one is let in')
      for (const right of [8, length / 2, length - 1]) {
        const more = told((sent) => callers.identify(sent), token, right)
        t.ok(Math.abs(more) < tolerance, `${right} of ${length} right: ${(more * 100).toFixed(1)} % longer`)
      }
    }
  }
})

t.test('nor does it tell how long the right one is', async (t) => {
  const token = random(44, 3)
  const { callers } = await callersRig(t, accessConfig({ web: { tokens: [token] } }))
  // Within one block of SHA-256: how long the own guess takes to be hashed, its sender knows.
  const [as, other] = ['!'.repeat(44), '!'.repeat(43)]
  const more = difference(
    () => callers.identify(as),
    () => callers.identify(other),
  )
  t.ok(Math.abs(more) < tolerance, `${(more * 100).toFixed(1)} % longer`)
})

t.test('this test would find a comparison that stops early', async (t) => {
  const token = random(longest, 4)
  const early: Readonly<Record<string, (sent: string) => boolean>> = {
    'character by character': (sent) => {
      for (let at = 0; at < token.length; at += 1) if (sent[at] !== token[at]) return false
      return sent.length === token.length
    },
    '===': (sent) => sent === token,
  }
  for (const [what, compare] of Object.entries(early)) {
    const more = told(compare, token, longest - 1)
    t.ok(more > tolerance, `${what}: ${(more * 100).toFixed(1)} % longer`)
  }
})

/** Requests on one connection, one after another: how long each takes from its first byte to the first of its answer. */
async function medians(port: number, paths: readonly [string, string], rounds: number): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port }).setNoDelay()
  const texts = paths.map((path) =>
    requestText([`GET ${path} HTTP/1.1`, 'Host: localhost', 'X-Sidekeep-Request: true']),
  )
  const exchange = async (text: string): Promise<number> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    socket.once('data', () => resolve())
    const began = performance.now()
    socket.write(text)
    await promise
    return performance.now() - began
  }
  const ratios: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const [first = '', second = ''] = round % 2 === 0 ? texts : texts.toReversed()
    const [a, b] = [await exchange(first), await exchange(second)]
    if (round >= 100) ratios.push(round % 2 === 0 ? b / a : a / b)
  }
  socket.destroy()
  return median(ratios) - 1
}

const rights = ['read', 'list', 'refresh', 'watch'] as const
const limited: Access = {
  wants: 'header',
  identify: () => undefined,
  anyone: new Caller({
    name: undefined,
    listener: 'test',
    rights,
    allows: anyOf(['web/*']),
    limit: undefined,
  }),
}
const values = { 'db-password': 'CANARY-db-password-1', 'web/cookie': 'CANARY-cookie-1' }

t.test('403 takes the same time whether the secret exists or not', async (t) => {
  const world = await createWorld(t, { values, deps: { access: limited } })
  for (const route of ['/v1/secrets/', '/v1/explain/']) {
    const more = await medians(world.port, [`${route}db-password`, `${route}xy-password`], 1_500)
    t.ok(Math.abs(more) < tolerance, `${route}: ${(more * 100).toFixed(1)} % longer`)
  }
})

t.test('because nothing at all is looked up for it', async (t) => {
  const world = await createWorld(t, { values, deps: { access: limited } })
  const { cache, refresher } = world.deps
  const asked: string[] = []
  for (const [part, methods] of [
    [cache, ['read', 'status', 'statuses']],
    [refresher, ['demand', 'refresh', 'rejected', 'explain']],
  ] as const) {
    for (const method of methods) {
      const original: unknown = Reflect.get(part, method)
      if (typeof original !== 'function') throw new Error(`no ${method}`)
      Reflect.set(part, method, (...args: unknown[]): unknown => {
        asked.push(method)
        return Reflect.apply(original, part, args)
      })
    }
  }
  const json = { headers: { 'Content-Type': 'application/json' }, body: '{"version":"1"}' }
  for (const name of ['db-password', 'no-password']) {
    for (const answer of [
      await world.get(`/v1/secrets/${name}`),
      await world.get(`/v1/secrets/${name}?refresh=true`),
      await world.get(`/v1/secrets/${name}?wait=1s`),
      await world.get(`/v1/explain/${name}`),
      await world.post(`/v1/refresh/${name}`),
      await world.post(`/v1/rejected/${name}`, json),
    ]) {
      t.equal(answer.status, 403)
    }
  }
  t.strictSame(asked, [])
  await world.get('/v1/secrets/web/cookie')
  t.strictSame(asked, ['read'], 'what is asked is seen here')
})
