import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { format, inspect } from 'node:util'
import { serialize } from 'node:v8'
import type { Test } from 'tap'
import t from 'tap'
import { ProviderError } from '../../src/secrets/provider.ts'
import { contentVersion, Secret, SecretValue } from '../../src/secrets/secret.ts'
import { fetched, KeyBackend } from '../support/heart-backend.ts'
import { createRig, ruleOf } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const marker = 'CANARY-db-password-1'
const everything = {
  showHidden: true,
  depth: Number.POSITIVE_INFINITY,
  showProxy: true,
  getters: true,
} as const

/** The value as text, and as the hexadecimal, decimal and base64 that its bytes could be printed as. */
const traces = [
  'CANARY-',
  Buffer.from('CANARY-').toString('hex'),
  Buffer.from('CANARY-')
    .toString('hex')
    .replaceAll(/(..)(?=.)/g, '$1 '),
  [...Buffer.from('CANARY-')].join(','),
  Buffer.from('CANARY-d').toString('base64').slice(0, 9),
]

function printed(thing: object): string[] {
  const lines: string[] = []
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const console = new Console({ stdout: sink, stderr: sink })
  console.log(thing)
  console.log('%s %o %O %j', thing, thing, thing, thing)
  console.dir(thing, everything)
  console.error(new Error('failed', { cause: thing }))
  console.table([thing])
  return [
    ...lines,
    inspect(thing, everything),
    inspect(thing, { ...everything, customInspect: false }),
    inspect({ deep: { in: [new Map([['it', new Set([thing])]])] } }, everything),
    inspect(new Error('failed', { cause: thing }), everything),
    inspect(new AggregateError([thing], 'failed'), everything),
    format('%s %o %O %j %i', thing, thing, thing, thing, thing),
    JSON.stringify(thing),
    JSON.stringify({ thing, list: [thing] }),
    String(thing),
    `${thing}`,
    [thing].join(),
    JSON.stringify(structuredClone({ ...thing })),
    inspect(structuredClone(thing), everything),
    JSON.stringify(Object.entries(thing)),
    JSON.stringify(Object.getOwnPropertyDescriptors(thing)),
    serialize(thing).toString('latin1'),
    Object.assign(new Error('failed'), { thing }).toString(),
  ]
}

function holdsNothing(t: Pick<Test, 'fail'>, thing: object): void {
  for (const text of printed(thing)) {
    for (const trace of traces) if (text.includes(trace)) t.fail(`"${trace}" in ${text}`)
  }
}

t.test('a secret prints as its name and version, whoever prints it', (t) => {
  const secret = new Secret('db', 'v1', SecretValue.fromText(marker))
  holdsNothing(t, secret)
  t.equal(`${secret}`, '[secret db@v1]')
  t.equal(inspect(secret, everything), '[secret db@v1]')
  t.equal(JSON.stringify({ secret }), '{"secret":"[secret db@v1]"}')
  t.end()
})

t.test('a value prints as nothing at all', (t) => {
  for (const value of [
    SecretValue.fromText(marker),
    new SecretValue(Buffer.from([...Buffer.from(marker), 0xff])),
  ]) {
    holdsNothing(t, value)
    t.equal(`${value}`, '[secret value]')
    t.equal(JSON.stringify([value]), '["[secret value]"]')
  }
  t.end()
})

t.test(
  'what carries a secret about prints none: answers of providers, readings, statuses, events, errors',
  async (t) => {
    const clock = new VirtualClock()
    const backend = new KeyBackend(clock, () => fetched(marker))
    const { cache, refresher, events } = createRig(t, { clock, backend, rules: [ruleOf('db')] })
    refresher.start()
    await settle()
    const reading = cache.read('db')
    if (reading.kind !== 'held') throw new Error('not held')
    const representation = reading.rendition.represent('json', 'fresh')
    if (representation === undefined) throw new Error('not rendered')
    const cause = { answer: fetched(marker), reading }
    const error = new ProviderError('unavailable', 'malformed', 'no sense in it', { cause })
    for (const thing of [
      fetched(marker),
      reading.rendition,
      representation,
      reading.rendition.represent('raw', 'fresh') ?? {},
      cache,
      refresher,
      cache.status('db') ?? {},
      error,
    ]) {
      for (const text of [inspect(thing, everything), JSON.stringify(thing), `${thing}`]) {
        for (const trace of traces) if (text.includes(trace)) t.fail(`"${trace}" in ${text}`)
      }
    }
    t.notMatch(inspect(events.all, everything), marker)
    t.notMatch(inspect(reading, everything), marker)
    t.match(inspect(reading), '[secret db@')
  },
)

t.test('the value is read by one method, and is equal by its bytes', (t) => {
  const value = SecretValue.fromText(marker)
  const secret = new Secret('db', 'v1', value)
  t.equal(secret.reveal().toString(), marker)
  t.equal(secret.byteLength, marker.length)
  t.ok(secret.hasValue(SecretValue.fromText(marker)))
  t.notOk(secret.hasValue(SecretValue.fromText(`${marker}0`)))
  t.notOk(secret.hasValue(SecretValue.fromText(marker.replace('1', '2'))))
  t.ok(value.equals(value))
  t.ok(new SecretValue(Buffer.alloc(0)).equals(SecretValue.fromText('')))
  t.end()
})

t.test('only valid UTF-8 is text', (t) => {
  t.ok(SecretValue.fromText('CANARY-ä😀').isText)
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
    t.notOk(new SecretValue(Buffer.from(bytes)).isText)
  }
  t.ok(new Secret('db', 'v1', SecretValue.fromText(marker)).isText)
  t.end()
})

t.test('a wiped value is zeroes', (t) => {
  const value = SecretValue.fromText(marker)
  const bytes = value.reveal()
  new Secret('db', 'v1', value).wipe()
  t.ok(bytes.every((byte) => byte === 0))
  t.end()
})

t.test('a version by content tells values apart and is no plain hash of them', async (t) => {
  const { createHash } = await import('node:crypto')
  const version = contentVersion('db', SecretValue.fromText(marker))
  t.equal(version, contentVersion('db', SecretValue.fromText(marker)))
  t.not(version, contentVersion('db', SecretValue.fromText(`${marker}0`)))
  t.not(version, contentVersion('api', SecretValue.fromText(marker)), 'and secrets with one value apart')
  for (const algorithm of ['sha256', 'sha1', 'md5', 'sha512']) {
    t.notMatch(createHash(algorithm).update(marker).digest('hex'), version.slice(2))
  }
})
