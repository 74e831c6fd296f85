import * as z from 'zod/mini'
import { isGlob, isRuleName } from '../names.ts'
import { count, duration, flag, path, text } from './fields.ts'
import { notification } from './notify.ts'
import { option, section } from './option.ts'

export const fileFormats = [
  'json',
  'map',
  'dotenv',
  'properties',
  'yaml',
  'raw',
  'directory',
  'template',
] as const

export type FileFormat = (typeof fileFormats)[number]

/** `expired`: beyond `maxStale` or its lease. `gone`: its provider says that it does not exist any more. */
const removals = ['gone', 'expired'] as const

const nameExpected = 'the name of a secret, or a pattern such as db/*'
const modeExpected = 'permissions as four octal digits in quotes, such as "0440"'
const templateExpected = 'a text of 1 to 65536 characters with the names of secrets in {{ }}'
const entryExpected = 'a name for what is written: a string without control characters'

/** `"0440"` in the file, a number in the program. YAML would read the digits without quotes as another number. */
const mode = () => {
  const schema = z.codec(text(/^0[0-7]{3}$/, modeExpected), z.number(), {
    decode: (written) => Number.parseInt(written, 8),
    encode: (value) => value.toString(8).padStart(4, '0'),
  })
  return option(schema, { type: 'octal permissions' })
}

const file = () =>
  section({
    path: option(path(), {
      description:
        'Where it is written, absolute: a file, or with `directory` a folder. What lies there is replaced. A volume in memory that only the application mounts beside the sidecar is the right place.',
      example: '/shared/secrets.json',
    }),
    secrets: option(
      z.optional(
        z
          .array(
            z
              .string({ error: nameExpected })
              .check(z.refine((name) => isRuleName(name) || isGlob(name), { error: nameExpected })),
            { error: 'a list of names and patterns' },
          )
          .check(z.minLength(1, { error: 'a list of at least one name or pattern' })),
      ),
      {
        description:
          'Which secrets: names that have a rule, and patterns for all names that are held, in which each `*` stands for any characters, slashes too. With `raw` exactly one name; not with `template`, which names them itself.',
        type: 'list of names and patterns',
        fallback: 'required, but with `template`',
        example: ['db/*', 'api-key'],
      },
    ),
    format: option(z.enum(fileFormats, { error: `one of ${fileFormats.join(', ')}` }), {
      description:
        'How it is written. `json`: a list of `{"name", "value"}`; `map`: an object of names and values; `dotenv`, `properties` and `yaml`: the same as such files write it; `raw`: the exact bytes of one secret; `directory`: a file for each secret, with its exact bytes; `template`: the text of `template`.',
      example: 'json',
    }),
    template: option(
      z.optional(
        z
          .string({ error: templateExpected })
          .check(
            z.minLength(1, { error: templateExpected }),
            z.maxLength(65_536, { error: templateExpected }),
          ),
      ),
      {
        description:
          'With the format `template`: the text, in the language of composed secrets. Every secret in it has a rule of its own.',
        type: 'template',
        fallback: 'none',
        example: 'password={{ db/password }}',
      },
    ),
    keys: option(
      z.optional(
        z.record(z.string(), text(/^\P{Cc}+$/u, entryExpected), {
          error: 'a mapping of secret names to the names that are written',
        }),
      ),
      {
        description:
          'What secrets are called in the file. Others keep their names, but for `dotenv`, which writes `db/password` as `DB_PASSWORD`, and `properties`, which writes it as `db.password`.',
        type: 'mapping of secret name to name',
        fallback: 'none',
        example: { 'db/password': 'PGPASSWORD' },
      },
    ),
    mode: option(z.prefault(mode(), '0440'), {
      description: 'The permissions of the file, or of each file of the folder.',
      example: '0400',
    }),
    owner: option(z.optional(count(0, 4_294_967_294)), {
      description: 'The user id that it belongs to. Only root may give files away.',
      fallback: "the sidecar's own user",
      example: 1000,
    }),
    group: option(z.optional(count(0, 4_294_967_294)), {
      description:
        'The group id that it belongs to: one that the sidecar is a member of (`supplementalGroups`), unless it is root.',
      fallback: "that of the folder, where it hands its group down (`fsGroup`), else the sidecar's own",
      example: 2000,
    }),
    required: option(z.prefault(flag(), true), {
      description:
        'Whether the sidecar is started only once this file was written, and ready only while it is current.',
      example: false,
    }),
    removeWhen: option(
      z.prefault(z.array(z.enum(removals), { error: `a list of ${removals.join(', ')}` }), ['gone']),
      {
        description:
          'When a secret disappears from the file. `gone`: its provider says that it does not exist any more. `expired`: it is not served any more either. An empty list: never; the last value stays.',
        type: 'list of `gone` and `expired`',
        example: ['gone', 'expired'],
      },
    ),
    notify: option(z.optional(z.array(notification(), { error: 'a list of notifications' })), {
      description: 'Whom to tell after the file has changed, each apart. None of them is told a value.',
      type: 'list',
      fallback: 'none',
    }),
    debounce: option(z.prefault(duration({ max: '1h' }), '1s'), {
      description:
        'How long to wait for further changes before telling, from the last change; at most ten times as long from the first.',
      example: '5s',
    }),
  })

export type FileConfig = z.output<ReturnType<typeof file>>

export const files = () => z.array(file(), { error: 'a list of files' })
