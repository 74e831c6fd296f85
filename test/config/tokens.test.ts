/** The tokens of callers, as they are when the configuration is loaded. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folderOf } from '../support/process-sidecar.ts'
import { parse, refused, smallest } from './helpers.ts'

const strong = 'CANARY-web-token-0123456789abcdef'
const other = 'CANARY-job-token-0123456789abcdef'
const callers = (tokens: string, more = ''): string =>
  `${smallest}api:\n  callers:\n    web: { tokens: ${tokens}, allow: [a] }\n${more}`

/** Writes a token into a file of its own; nothing where there is no text. */
function fileOf(t: Test, text?: string | Buffer): string {
  const path = join(folderOf(t), 'token')
  if (text !== undefined) writeFileSync(path, text)
  return path
}

t.test('strong tokens are fine, from variables and files, with or without a newline', async (t) => {
  const path = fileOf(t, `${strong}\n`)
  const { config, warnings } = await parse(callers(`[{ file: "${path}" }, { env: T }]`), { T: other })
  t.strictSame(warnings, [])
  const tokens = config.api.callers?.web?.tokens ?? []
  t.strictSame(await Promise.all(tokens.map((source) => source.read())), [strong, other])
})

t.test('a weak one is told at its place, with what is wrong and the command that makes one', async (t) => {
  t.strictSame(await refused(callers('[{ env: T }]'), { T: 'CANARY-1' }), [
    ':8:21 api.callers.web.tokens[0]: expected a token of 128 bits or more, such as "sidekeep token" makes, got one from env T that has 48 bits at the most, judged by its length and its characters, and 128 are needed',
  ])
  const path = fileOf(t, 'aaaaaaaa'.repeat(20))
  t.match(await refused(callers(`[{ env: T }, { file: "${path}" }]`), { T: strong }), [
    new RegExp(`api\\.callers\\.web\\.tokens\\[1\\]: .* got one from file ${path} that has 4 bits`),
  ])
})

t.test('those of further listeners are read too', async (t) => {
  const text = `${smallest}api: { listeners: [{ listen: "unix:/a", callers: { web: { tokens: [{ env: T }], allow: [a] } } }] }`
  t.match(await refused(text, { T: 'CANARY-1' }), [
    /^:6:\d+ api\.listeners\[0\]\.callers\.web\.tokens\[0\]: /,
  ])
})

t.test('a token that is not there yet is a warning: nobody is let in by it', async (t) => {
  const path = fileOf(t)
  const { warnings } = await parse(
    callers(`[{ env: UNSET }, { file: "${path}" }, { file: "${path}/x" }, { env: constructor }]`),
  )
  t.strictSame(warnings, [
    'api.callers.web.tokens[0] is to come from the variable UNSET, which is not set: nobody is let in by it until it is there.',
    `api.callers.web.tokens[1] is to come from file ${path}, which does not exist: nobody is let in by it until it is there.`,
    `api.callers.web.tokens[2] is to come from file ${path}/x, which does not exist: nobody is let in by it until it is there.`,
    'api.callers.web.tokens[3] is to come from the variable constructor, which is not set: nobody is let in by it until it is there.',
  ])
})

t.test('what is there and no token is refused, with what it is', async (t) => {
  const folder = folderOf(t)
  mkdirSync(join(folder, 'directory'))
  symlinkSync(join(folder, 'loop'), join(folder, 'loop'))
  const cases: [string, RegExp][] = [
    [fileOf(t, ''), /got file .* is empty\. Put the value there$/],
    [fileOf(t, '\n'), /is empty/],
    [fileOf(t, `${strong}\n\n`), /holds a character that an HTTP header cannot carry/],
    [fileOf(t, `${strong} ${strong}`), /got one from file .* that holds a space/],
    [fileOf(t, Buffer.from([0xff, 0xfe, 0xff])), /is not UTF-8 text/],
    [fileOf(t, 'x'.repeat(100_000)), /is larger than 65536 bytes/],
    [fileOf(t, `${strong}${'0123456789abcdefghijk'.repeat(200)}`), /that is longer than 4096 bytes/],
    [join(folder, 'directory'), /is no regular file/],
    [join(folder, 'loop'), /cannot be read \(ELOOP\)/],
  ]
  for (const [path, told] of cases) {
    t.match(await refused(callers(`[{ file: "${path}" }]`)), [told], String(told))
  }
  t.match(await refused(callers('[{ env: T }]'), { T: '' }), [/got env T is empty/])
})

t.test('two callers cannot have the same token, on whichever listeners they are', async (t) => {
  const path = fileOf(t, strong)
  const job = `    job: { tokens: [{ env: U }, { file: "${path}" }], allow: [a] }\n`
  t.strictSame(await refused(callers('[{ env: T }]', job), { T: strong, U: other }), [
    ':9:33 api.callers.job.tokens[1]: expected another token than api.callers.web.tokens[0]: it could not be told whose it is, got the same one',
  ])
  const listener =
    '  listeners: [{ listen: "unix:/a", callers: { job: { tokens: [{ env: T }], allow: [a] } } }]\n'
  t.match(await refused(callers('[{ env: T }]', listener), { T: strong }), [
    /api\.listeners\[0\]\.callers\.job\.tokens\[0\]: expected another token than api\.callers\.web\.tokens\[0\]/,
  ])
  t.ok(
    await parse(callers('[{ env: T }, { env: U }]'), { T: strong, U: strong }),
    'one caller may have it twice',
  )
})

t.test('a path with a variable in it is told as it is written', async (t) => {
  const folder = folderOf(t)
  const env = { FOLDER: folder }
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the reference to a variable is what is tested.
  const text = callers('[{ file: "${FOLDER}/token" }]')
  const told = 'file "$' + '{FOLDER}/token"'
  t.match((await parse(text, env)).warnings, [`is to come from ${told}, which does not exist`])
  for (const wrong of ['', 'CANARY-1']) {
    writeFileSync(join(folder, 'token'), wrong)
    const lines = await refused(text, env)
    t.match(lines, [told])
    t.notMatch(lines, [folder])
  }
})

t.test(
  'it is told together with all else that is wrong, and not where its caller is wrong itself',
  async (t) => {
    t.match(await refused(`log: { level: x }\n${callers('[{ env: T }]')}`, { T: 'CANARY-1' }), [
      /log\.level/,
      /api\.callers\.web\.tokens\[0\]/,
    ])
    const lines = await refused(callers('[{ env: T }, { envv: U }]'), { T: 'CANARY-1' })
    t.equal(lines.length, 1)
    t.match(lines, [/api\.callers\.web\.tokens\[1\]: expected \{ env: NAME \} or \{ file: PATH \}/])
  },
)

t.test('thousands of token files are read without running out of descriptors', async (t) => {
  const folder = folderOf(t)
  const names = Array.from({ length: 1_000 }, (_, i) => `c${i}`)
  for (const name of names) writeFileSync(join(folder, name), `CANARY-${name}-0123456789abcdefghij`)
  const lines = names.map(
    (name) => `    ${name}: { tokens: [{ file: "${join(folder, name)}" }], allow: [a] }\n`,
  )
  const { warnings } = await parse(`${smallest}api:\n  callers:\n${lines.join('')}`)
  t.strictSame(warnings, [])
})
