import * as z from 'zod/mini'
import { duration, flag, source, text } from './fields.ts'
import { option, section } from './option.ts'
import { credential } from './secret-place.ts'

const urlExpected =
  'memory, or the address of a Redis or Valkey such as redis://redis:6379/0 or rediss://redis:6380, without a user and a password (see store.password)'

/** Credentials in a URL would be in every place that the URL is shown in. */
const redisPattern = /^rediss?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\/[0-9]{0,4})?$/

const redisUrl = () => text(redisPattern, urlExpected).check(z.refine(isReachable, { error: urlExpected }))

/** A pattern lets some addresses through that are none. */
function isReachable(written: string): boolean {
  if (!URL.canParse(written)) return false
  const { port } = new URL(written)
  return port === '' || (Number(port) > 0 && Number(port) < 65_536)
}

const redis = () =>
  section({
    url: option(redisUrl(), {
      description: 'Where it is; `rediss` is TLS. The path is the number of the database.',
      example: 'rediss://redis.example:6380/0',
    }),
    username: option(z.optional(text(/^\S{1,256}$/, 'a user name')), {
      description: 'The ACL user.',
      fallback: "Redis' own default user",
      example: 'sidekeep',
    }),
    password: option(z.optional(credential()), {
      description:
        'Its password: a secret of this sidecar, a variable or a file. What it is now is used for each new connection.',
      fallback: 'none',
      example: { secret: 'redis', field: 'password' },
    }),
    ca: option(z.optional(source('text')), {
      description: 'The authorities that its certificate may come from, in PEM, in place of the usual ones.',
      fallback: 'those that Node trusts; in the image those in `/etc/ssl/certs`',
      example: { file: '/etc/sidekeep/redis-ca.crt' },
    }),
    cluster: option(z.prefault(flag(), false), {
      description:
        'Whether it is a Redis Cluster, of which `url` is one node. All keys of one prefix lie in one slot.',
      example: true,
    }),
    prefix: option(
      z.prefault(text(/^[A-Za-z0-9._:-]{1,64}$/, 'a prefix of 1 to 64 letters, digits and ._:-'), 'sidekeep'),
      {
        description:
          'What the keys begin with. Replicas of one application share it; other applications have others.',
        example: 'shop',
      },
    ),
    timeout: option(z.prefault(duration({ min: '1ms', max: '5s' }), '50ms'), {
      description: 'How long a request waits for it at the most, before `onStoreFailure` applies.',
      example: '20ms',
    }),
  })

export type RedisConfig = z.output<ReturnType<typeof redis>>

/** Where the budgets are counted. */
export type LimitStoreConfig = { readonly kind: 'memory' } | ({ readonly kind: 'redis' } & RedisConfig)

const defaults = { cluster: false, prefix: 'sidekeep', timeout: 50 }

/** `memory`, an address, or a mapping with an address and what goes with it. */
export function limitStore() {
  const written = z.union([text(/^memory$/, urlExpected), redisUrl(), redis()], { error: urlExpected })
  const schema = z.codec(written, z.custom<LimitStoreConfig>(), {
    decode(value): LimitStoreConfig {
      if (value === 'memory') return { kind: 'memory' }
      return typeof value === 'string'
        ? { kind: 'redis', url: value, ...defaults }
        : { kind: 'redis', ...value }
    },
    encode(config) {
      if (config.kind === 'memory') return config.kind
      const { kind, ...rest } = config
      return rest
    },
  })
  return option(schema, { type: '`memory`, address, or mapping' })
}
