import t from 'tap'
import { parse, refused } from '../../config/helpers.ts'

const provider = (options: string, rule = 'a: { provider: p }'): string =>
  `providers: { p: { type: exec, ${options} } }\nsecrets: { ${rule} }`

t.test('a program and its arguments are enough', async (t) => {
  const { config } = await parse(provider('command: [/usr/bin/pass, show, "{key}"]'))
  t.match(config.providers.p, {
    command: ['/usr/bin/pass', 'show', '{key}'],
    format: undefined,
    trimNewline: true,
    workingDirectory: '/',
    timeout: 10_000,
    maxBody: 1_048_576,
  })
})

t.test('a program is named so that it is the same one wherever the sidecar is started', async (t) => {
  for (const command of [
    '[]',
    '[bin/sops]',
    '[./sops]',
    '["{key}"]',
    '["/opt/{key}/bin"]',
    '[""]',
    'sops',
    '[1]',
  ]) {
    const [problem, ...more] = await refused(provider(`command: ${command}`))
    t.match(problem, /providers\.p\.command/, command)
    t.strictSame(more, [])
  }
  t.ok(await parse(provider('command: [sops, -d, x.json]')))
})

t.test('raw output and missing secrets need a run a key', async (t) => {
  const problems = await refused(
    provider('command: [/bin/x], format: raw, exitCodes: { 3: missing, 4: denied }'),
  )
  t.equal(problems.length, 2)
  t.match(problems[0], /providers\.p\.format.*json, or \{key\} in an argument/)
  t.match(problems[1], /providers\.p\.exitCodes\.3/)
  t.ok(await parse(provider('command: [/bin/x, "{key}"], format: raw, exitCodes: { 3: missing }')))
  t.ok(await parse(provider('command: [/bin/x], exitCodes: { 4: denied, 255: throttled }')))
})

t.test('an exit code is one that a program can end with, and means one of four things', async (t) => {
  for (const codes of [
    '{ 0: missing }',
    '{ 256: missing }',
    '{ x: missing }',
    '{ 3: gone }',
    '{ -1: denied }',
  ]) {
    const problems = await refused(provider(`command: [/bin/x, "{key}"], exitCodes: ${codes}`))
    t.equal(problems.length, 1, codes)
  }
})

t.test('a key never becomes part of a script', async (t) => {
  for (const command of [
    '[sh, -c, "pass show {key}"]',
    '[/bin/bash, -euc, "pass show {key}"]',
    '[/usr/bin/env, bash, -c, "{key}"]',
    '[busybox, sh, -c, "{key}"]',
    '[python3, -c, "print({key})"]',
    '[perl, "-eprint {key}"]',
    '[node, --eval, "{key}"]',
    '[node, "--eval={key}"]',
  ]) {
    t.match((await refused(provider(`command: ${command}`)))[0], /command\[\d\].*hand it over as an argument/)
  }
  for (const command of [
    `[sh, -c, 'pass show -- "$1"', sh, "{key}"]`,
    '[/opt/x, -c, "{key}"]',
    '[sh, /x.sh, "{key}"]',
  ]) {
    t.ok(await parse(provider(`command: ${command}`)), command)
  }
})

t.test(
  'a pattern cannot be required where each key is asked for, and can where one run brings all',
  async (t) => {
    const rule = '"app/*": { provider: p, key: "*", required: true }'
    t.match(await refused(provider('command: [/bin/x, "{key}"]', rule)), [/required/])
    t.ok(await parse(provider('command: [/bin/x]', rule)))
  },
)

t.test(
  'variables for the program come from the environment that the configuration is read with',
  async (t) => {
    const text = provider('command: [/bin/x], env: { TOKEN: { env: MY_TOKEN }, L: literal }')
    const { config, warnings } = await parse(text, { MY_TOKEN: 'CANARY-token' })
    t.strictSame(warnings, [])
    const { p } = config.providers
    if (p?.type !== 'exec') throw new Error('no such provider')
    t.equal(await p.env?.TOKEN?.read(), 'CANARY-token')
    t.equal(await p.env?.L?.read(), 'literal')
    t.match((await parse(text)).warnings, [/env\.TOKEN is to come from the variable MY_TOKEN/])
  },
)
