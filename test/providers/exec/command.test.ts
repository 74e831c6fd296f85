import t from 'tap'
import { Command } from '../../../src/providers/exec/command.ts'
import fc from '../../support/property.ts'
import { signal, text } from '../conformance.ts'
import { execProvider } from './support.ts'

const refused = (key: string): boolean =>
  key === '' ||
  !key.isWellFormed() ||
  /\p{Cc}/u.test(key) ||
  key.split('/').some((segment) => ['.', '..'].includes(segment))

/** Keys as people and attackers write them. */
const keys = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc
    .array(
      fc.constantFrom(
        '..',
        '.',
        '/',
        '-',
        '{key}',
        '$&',
        '$1',
        '`id`',
        '$(id)',
        ';',
        '"',
        "'",
        '\0',
        '\n',
        'a',
      ),
      {
        maxLength: 6,
      },
    )
    .map((parts) => parts.join('')),
)

t.test('a key is what stands in its place, in as many arguments as there were, or is refused', async () => {
  const parts = fc.array(
    fc.string({ maxLength: 8 }).filter((part) => !/[{}]/.test(part)),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 5 }), keys, (args, key) => {
      const command = new Command(['/bin/program', ...args.map((arg) => arg.join('{key}'))])
      const leads = args.some(([first = '', ...more]) => first === '' && more.length > 0)
      const given = command.of(key)
      if (refused(key) || (leads && key.startsWith('-'))) return given === undefined
      return JSON.stringify(given) === JSON.stringify(args.map((arg) => arg.join(key)))
    }),
  )
})

t.test('what a program sees is the key, whatever a shell would make of it', async (t) => {
  const command = ['/bin/sh', '-c', `printf '%s\\0' "$@"`, 'sh', '{key}', 'id={key}']
  const echo = execProvider(t, command)
  const keys = ['a b', '$(id)', '`id`', '; id', "'", '"', '$&', '{key}', '*', '~', 'a\\nb', 'é', '🔑']
  const all = await echo.fetch(keys, signal())
  for (const key of keys) t.equal(text(all.get(key)), `${key}\0id=${key}\0`)
})

t.test('the program is never run for a key that it could take for something else', async (t) => {
  const leading = execProvider(t, ['/bin/echo', '{key}'])
  const within = execProvider(t, ['/bin/echo', '--name={key}'])
  for (const key of ['', '..', '../etc/passwd', 'a/../b', './a', 'a\0b', 'a\nb', '\ud800', 'a\u0085b']) {
    for (const provider of [leading, within]) {
      t.match((await provider.fetch([key], signal())).get(key), { kind: 'missing', reason: 'not-found' }, key)
    }
  }
  t.match((await leading.fetch(['--help'], signal())).get('--help'), { kind: 'missing' })
  t.equal(text((await within.fetch(['--help'], signal())).get('--help')), '--name=--help')
  t.equal(text((await leading.fetch(['a-b/...'], signal())).get('a-b/...')), 'a-b/...')
})
