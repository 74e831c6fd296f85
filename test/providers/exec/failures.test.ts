import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ExecProviderConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { ProviderError } from '../../../src/secrets/provider.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { asNobody, publicDirectory } from '../file/support.ts'
import { execProvider } from './support.ts'

/** How a run for the key `key` fails; nothing that was printed is in it. */
async function failure(
  t: Test,
  command: readonly string[],
  more: Partial<ExecProviderConfig> = {},
): Promise<ProviderError> {
  const error = await failureOf(execProvider(t, command, more).fetch(['key'], signal()))
  leaksNothing(t, error)
  t.equal(error.cause, undefined)
  return error
}

const shell = (body: string): string[] => [
  '/bin/sh',
  '-c',
  `echo CANARY-out; echo CANARY-err >&2; ${body}`,
  'sh',
  '{key}',
]

t.test('exit codes mean what the configuration says, and else that nothing was had', async (t) => {
  const exitCodes = { 3: 'missing', 4: 'denied', 5: 'throttled', 6: 'unavailable' } as const
  for (const [code, kind, reason] of [
    [3, 'missing', 'not-found'],
    [4, 'denied', 'denied'],
    [5, 'throttled', 'throttled'],
    [6, 'unavailable', 'status'],
    [7, 'unavailable', 'status'],
  ] as const) {
    const error = await failure(t, shell(`exit ${code}`), { exitCodes })
    t.match(error, { kind, reason, retryAfterMs: undefined })
    if (code !== 3)
      t.match(error.message, new RegExp(`exit code ${code}\\b.*wrote 11 bytes to standard error`))
  }
})

t.test('a program that is killed is told with its signal', async (t) => {
  const error = await failure(t, shell('kill -9 $$'))
  t.match(error, { kind: 'unavailable', reason: 'status' })
  t.match(error.message, /was killed \(SIGKILL\)/)
})

t.test('what is wrong with a program that cannot be started is found out', async (t) => {
  const dir = t.testdir({ plain: 'CANARY-', broken: '#!/nowhere/interpreter\n' })
  chmodSync(join(dir, 'broken'), 0o755)
  for (const [command, more, message] of [
    [[join(dir, 'none'), '{key}'], {}, /the program is not there.*\(ENOENT\)/],
    [['sidekeep-no-such-program', '{key}'], {}, /in no directory of PATH/],
    [[join(dir, 'broken'), '{key}'], {}, /the interpreter of its first line/],
    [['/bin/cat', '{key}'], { workingDirectory: join(dir, 'none') }, /workingDirectory is not there/],
    [['/bin/cat', '{key}'], { workingDirectory: join(dir, 'plain') }, /./],
    [[join(dir, 'plain'), '{key}'], {}, /may not be run.*\(EACCES\)/],
    [
      ['/bin/cat', '{key}'],
      { env: { BIG: new StringSource('x'.repeat(500_000), 'text') } },
      /larger than the system allows.*E2BIG/,
    ],
  ] as const) {
    const error = await failure(t, command, more)
    t.match(error, { kind: 'unavailable', reason: 'io' })
    t.match(error.message, message)
  }
})

t.test('a program that the user of the sidecar may not run is told so', async (t) => {
  const dir = publicDirectory(t, { program: '#!/bin/sh\necho CANARY-\n' })
  chmodSync(join(dir, 'program'), 0o700)
  const provider = execProvider(t, [join(dir, 'program'), '{key}'])
  const restore = asNobody()
  const error = await failureOf(provider.fetch(['key'], signal())).finally(restore)
  t.match(error, { kind: 'unavailable', reason: 'io' })
  t.match(error.message, /may not be run.*the user of the sidecar.*\(EACCES\)/)
})

t.test('an empty output is a failure, and a list that cannot be read one of the whole list', async (t) => {
  t.match(await failure(t, ['/bin/sh', '-c', ':', 'sh', '{key}']), { reason: 'malformed' })
  t.match(await failure(t, ['/bin/echo', 'CANARY-no-list']), { reason: 'malformed' })
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`k${n}`, 'CANARY-'])))
  const path = join(t.testdir({}), 'list')
  writeFileSync(path, many)
  t.match(await failure(t, ['/bin/cat', path], { maxSecrets: 10 }), {
    kind: 'unavailable',
    reason: 'oversized',
  })
})

t.test('raw output is the value, less one newline', async (t) => {
  const value = async (
    printf: string,
    more: Partial<ExecProviderConfig> = {},
  ): Promise<string | undefined> => {
    const provider = execProvider(t, ['/bin/sh', '-c', `printf '${printf}'`, 'sh', '{key}'], more)
    return text((await provider.fetch(['key'], signal())).get('key'))
  }
  t.equal(await value('a\\n'), 'a')
  t.equal(await value('a\\r\\n'), 'a')
  t.equal(await value('a\\n\\n'), 'a\n')
  t.equal(await value(' a\\r'), ' a\r')
  t.equal(await value('a\\n', { trimNewline: false }), 'a\n')
})

t.test('JSON for a key is a document with a value, and what belongs to it', async (t) => {
  const document = '{"value":"CANARY-","version":7,"ttl":60,"lease":120,"other":1}'
  const provider = execProvider(t, ['/bin/sh', '-c', `echo '${document}'`, 'sh', '{key}'], { format: 'json' })
  const fetched = (await provider.fetch(['key'], signal())).get('key')
  t.match(fetched, { version: '7', ttlMs: 60_000, lease: { durationMs: 120_000, renewable: false } })
  t.equal(text(fetched), 'CANARY-')
})
