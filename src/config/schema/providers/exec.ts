import * as z from 'zod/mini'
import { variableExpected, variablePattern } from '../../names.ts'
import { duration, flag, path, source, text } from '../fields.ts'
import { option, section } from '../option.ts'
import { calls, maxBody, maxSecrets } from './shared.ts'

const commandExpected =
  'a list of the program and its arguments, such as [/usr/bin/pass, show, "{key}"]; no shell reads it'
/** A program that is named in another way would depend on where the sidecar was started. */
const programExpected =
  'a program first, by its absolute path, or by a name that is looked up in the PATH of env; {key} is for arguments only'
const lineExpected =
  'a program first, and no command line: write one list item for each argument, as no shell takes a line apart'
const argumentExpected =
  'a string without the character NUL; a number or a word such as true is put in quotes'
const variableValueExpected = 'a string, { env: NAME } or { file: PATH }; a number is put in quotes'

const command = () =>
  z.array(text(/^[^\0]*$/, argumentExpected), { error: commandExpected }).check(
    z.minLength(1, { error: commandExpected, abort: true }),
    z.refine(([program = '']) => /^(?:\/.+|[^/]+)$/s.test(program) && !program.includes('{key}'), {
      error: programExpected,
      path: [0],
      abort: true,
    }),
    z.refine(([program = '']) => !/\s-/.test(program), { error: lineExpected, path: [0] }),
  )

const exitCode = () => text(/^(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])$/, 'an exit code from 1 to 255')
const variable = () => text(variablePattern, variableExpected)

export const exec = () =>
  section({
    type: option(z.literal('exec'), { description: 'Runs a program that prints secrets.', example: 'exec' }),
    command: option(command(), {
      description:
        'The program and its arguments, without a shell. With `{key}` in an argument it is run for each key; else one run brings all secrets.',
      type: 'list of strings',
      example: ['/usr/local/bin/sops', 'decrypt', '--output-type', 'json', '/etc/app/secrets.enc.json'],
    }),
    format: option(z.optional(z.enum(['json', 'raw'])), {
      description:
        'What the program prints: JSON as the provider `http` reads it, or, where it is run for each key, the value itself.',
      fallback: '`raw` where `command` has `{key}`, else `json`',
      example: 'raw',
    }),
    trimNewline: option(z.prefault(flag(), true), {
      description: 'Whether one newline at the end of `raw` output is dropped, which most programs add.',
      example: false,
    }),
    env: option(z.optional(z.record(variable(), source('text', variableValueExpected))), {
      description:
        "Environment variables of the program. It gets these, those of `passEnv`, and `PATH`, `HOME` and `LANG`; nothing else of the sidecar's own.",
      type: 'mapping of variable to string source',
      fallback: 'none',
      example: { SOPS_AGE_KEY: { file: '/run/secrets/age-key' } },
    }),
    passEnv: option(
      z.optional(z.array(variable(), { error: 'a list of the names of environment variables' })),
      {
        description:
          "Variables that the program gets from the sidecar's own environment, as far as they are set there.",
        type: 'list of variables',
        fallback: 'none',
        example: ['HTTPS_PROXY'],
      },
    ),
    workingDirectory: option(z.prefault(path(), '/'), {
      description: 'Where the program is run.',
      example: '/etc/app',
    }),
    exitCodes: option(
      z.optional(
        z.record(
          exitCode(),
          z.enum(['missing', 'denied', 'throttled', 'unavailable'], {
            error: 'one of missing, denied, throttled, unavailable',
          }),
        ),
      ),
      {
        description:
          'What exit codes of the program mean. Any other than 0 that is not named here is `unavailable`: what is held is kept, and the program run again later.',
        type: 'mapping of exit code to `missing`, `denied`, `throttled` or `unavailable`',
        fallback: 'none',
        example: { 3: 'missing', 4: 'denied' },
      },
    ),
    timeout: option(z.prefault(duration({ min: '1ms', max: '5m' }), '10s'), {
      description:
        'How long one run may take. Then the program, and what it has started, gets SIGTERM, and 2 s later SIGKILL.',
      example: '30s',
    }),
    maxBody: maxBody('1MiB'),
    maxSecrets: maxSecrets(),
    ...calls(),
  })
