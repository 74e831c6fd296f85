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

t.test('what is wrong with a command is told where it is, with the cure, and is not repeated', async (t) => {
  for (const [options, told] of [
    ['command: [bin/CANARY-x]', /command\[0\]: expected a program first/],
    [
      'command: ["/usr/bin/vaultcli --token=CANARY-x", "{key}"]',
      /command\[0\]: expected .* one list item for each argument/,
    ],
    ['command: ["vaultcli\\t-p CANARY-x"]', /command\[0\]: expected .* one list item for each argument/],
    ['command: "/usr/bin/x --token=CANARY-x"', /p\.command: expected a list/],
    ['command: [/bin/x, 54321]', /command\[1\]: expected a string.* quotes/],
    ['command: [/bin/x], env: { TOKEN: 54321 }', /env\.TOKEN: expected a string.* quotes/],
    ['command: [/bin/x], passEnv: [CANARY-x]', /passEnv\[0\]: /],
    ['command: [/bin/x], workingDirectory: "CANARY\\n"', /workingDirectory: /],
  ] as const) {
    const [problem = '', ...more] = await refused(provider(options))
    t.match(problem, told)
    t.notMatch(problem, /CANARY|54321/)
    t.strictSame(more, [])
  }
  t.ok(await parse(provider('command: ["/opt/my tools/x", "{key}"]')))
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

t.test('a key is handed to no interpreter but as an argument behind its script', async (t) => {
  for (const command of [
    '[sh, -c, "pass show {key}"]',
    '[/bin/bash, -euc, "pass show {key}"]',
    '[bash, -cx, "pass show {key}"]',
    '[bash, -cl, "{key}"]',
    '[bash, -c, --, "pass show {key}"]',
    '[bash, -c, --, "{key}"]',
    '[bash, -c, -o, pipefail, "{key}"]',
    '[bash, -euo, pipefail, -c, "{key}"]',
    '[bash, --rcfile, x, -c, y, "{key}"]',
    '[bash, "{key}"]',
    '[/usr/bin/env, bash, -c, "{key}"]',
    '[env, -S, "sh -c \'pass show {key}\'"]',
    '[env, -S, "{key}"]',
    '[env, A=b, "{key}"]',
    '[env, "A={key}", x]',
    '[busybox, sh, -c, "{key}"]',
    '[sudo, -u, app, "{key}"]',
    '[sudo, -u, app, sh, -c, "{key}"]',
    '[sudo, -s, pass, "{key}"]',
    '[timeout, "5", "{key}"]',
    '[/opt/launch, sh, -c, "{key}"]',
    `[sh, -c, 'exec "$@"', sh, sh, -c, "{key}"]`,
    '[ssh, host, "pass show {key}"]',
    '[ssh, host, pass, show, "{key}"]',
    '[su, app, -c, "{key}"]',
    '[watch, "{key}"]',
    '[xargs, x, "{key}"]',
    '[python3, -c, "print({key})"]',
    '[python3.12, -Ic, "{key}"]',
    '[python3, -m, timeit, "{key}"]',
    '[perl, "-eprint {key}"]',
    '[perl, -e, a, -e, "{key}"]',
    '[ruby, -e, "{key}"]',
    '[php8.2, -r, "{key}"]',
    '[php, "-r{key}"]',
    '[node, --eval, "{key}"]',
    '[node, "--eval={key}"]',
    '[node, -p, "{key}"]',
    '[node, -e, a, -r, "{key}"]',
    '[nodejs, -e, "{key}"]',
    '[deno, eval, "{key}"]',
    '[bun, exec, "{key}"]',
    '[awk, "{key}"]',
    `[gawk, '/{key}/ { print $2 }', /x]`,
    '[mawk, -f, x, -f, "{key}"]',
    '[sed, -n, "/{key}/p", /x]',
    '[sed, p, /x, -e, "{key}"]',
    '[jq, ".{key}", /x]',
    '[psql, -c, "select {key}"]',
    '[psql, -c, "{key}"]',
    '[mysql, -e, "{key}"]',
    '[sqlite3, /x.db, "{key}"]',
  ]) {
    t.match(
      (await refused(provider(`command: ${command}`)))[0],
      /command\[\d\].*hand it over as an argument/,
      command,
    )
  }
  for (const command of [
    `[sh, -c, 'pass show -- "$1"', sh, "{key}"]`,
    `[bash, -euo, pipefail, -c, 'pass show -- "$1"', bash, "{key}"]`,
    `[sudo, -n, -u, app, /bin/sh, -c, 'pass show -- "$1"', sh, "{key}"]`,
    '[/opt/x, -c, "{key}"]',
    '[/opt/x, "--name={key}"]',
    '[sh, /x.sh, "{key}"]',
    '[env, A=b, /opt/x, "{key}"]',
    '[timeout, "5", /opt/x, "{key}"]',
    '[python3, -I, /x.py, --name, "{key}"]',
    '[node, /x.js, "{key}"]',
    '[deno, run, --allow-read=/x, /x.ts, "{key}"]',
    `[jq, -r, '.[$k]', /x.json, --arg, k, "{key}"]`,
    '[sed, -n, p, "{key}"]',
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
