import t from 'tap'
import { fileCircles, roomCircles } from '../support/imports/circles.ts'
import { type Edge, edge } from '../support/imports/graph.ts'
import { rules, violationsOf } from '../support/imports/rules.ts'

const statically = (from: string, specifier: string): Edge =>
  edge(from, { form: 'static', specifier, line: 1 })
const forTypes = (from: string, specifier: string): Edge =>
  edge(from, { form: 'static', specifier, line: 1 }, true)
const dynamically = (from: string, specifier: string | undefined): Edge =>
  edge(from, { form: 'dynamic', specifier, line: 1 })

t.test('each rule is broken by what it forbids, and says so', async (t) => {
  const broken: Array<[Edge, RegExp]> = [
    [forTypes('secrets/cache.ts', '../config/schema.ts'), /secrets\/ imports nothing of ours/],
    [forTypes('secrets/cache.ts', '../providers/env.ts'), /secrets\/ imports nothing of ours/],
    [statically('providers/env.ts', '../secrets/cache.ts'), /providers\/ imports of ours only/],
    [statically('providers/env.ts', '../config/schema.ts'), /types of config/],
    [forTypes('providers/http/list.ts', '../../api/server.ts'), /providers\/ imports of ours only/],
    [statically('providers/http/list.ts', '../file/provider.ts'), /no other provider/],
    [forTypes('providers/shared/json.ts', '../env.ts'), /no other provider/],
    [statically('providers/registry.ts', './env.ts'), /dynamic import only/],
    [statically('providers/registry.ts', '@aws-sdk/client-sts'), /dynamic import only/],
    [forTypes('api/server.ts', '../providers/registry.ts'), /read the cache/],
    [statically('proxy/server.ts', '../api/door/door.ts'), /not each other/],
    [statically('files/writer.ts', '../sidecar.ts'), /read the cache/],
    [forTypes('audit/trail.ts', '../observability/metrics.ts'), /audit\/ imports of ours only/],
    [statically('audit/trail.ts', '../secrets/clock.ts'), /audit\/ imports of ours only/],
    [statically('access/callers.ts', '../secrets/cache.ts'), /access\/ knows how names and tokens/],
    [forTypes('access/callers.ts', '../api/ports.ts'), /access\/ knows how names and tokens/],
    [statically('access/callers.ts', '../config/load.ts'), /access\/ knows how names and tokens/],
    [forTypes('listener/open.ts', '../api/ports.ts'), /listener\/ opens what it is given/],
    [statically('tls/certificates.ts', '../observability/tls-cells.ts'), /tls\/ reads certificates/],
    [forTypes('limits/gcra.ts', '../secrets/clock.ts'), /imports nothing of ours/],
    [statically('programs/run.ts', '../errors.ts'), /programs\/ runs what it is given/],
    [statically('proxy/server.ts', '../programs/run.ts'), /who serves requests starts no process/],
    [statically('commands/get.ts', '../api/query.ts'), /only sidecar\.ts knows all parts/],
    [dynamically('commands/check.ts', '../providers/registry.ts'), /only sidecar\.ts knows all parts/],
    [statically('sidecar.ts', './providers/env.ts'), /registry\.ts alone/],
    [statically('main.ts', './sidecar.ts'), /only commands\/ imports sidecar\.ts/],
    [statically('sidecar.ts', './commands/run.ts'), /only main\.ts imports commands/],
    [statically('commands/run.ts', '../main.ts'), /nothing imports main\.ts/],
    [statically('api/server.ts', 'fs'), /node: prefix/],
    [statically('api/server.ts', 'fs/promises'), /node: prefix/],
    [edge('api/server.ts', { form: 'require', specifier: 'fastify', line: 1 }), /no require/],
    [dynamically('api/server.ts', undefined), /names its module literally/],
    [statically('api/server.ts', './guard'), /with its extension/],
  ]
  for (const [one, rule] of broken) {
    const found = violationsOf([one]).join('\n')
    t.match(found, rule, `${one.from} imports ${one.specifier}`)
    t.match(found, `src/${one.from}:1 imports ${one.specifier}`)
  }
  const tried = broken.flatMap(([one]) => rules.filter((rule) => rule.isBrokenBy(one)))
  t.equal(new Set(tried).size, rules.length, 'no rule is left untried')
})

t.test('what the rules allow breaks none of them', async (t) => {
  t.strictSame(
    violationsOf([
      statically('secrets/cache.ts', '../errors.ts'),
      statically('secrets/cache.ts', '../config/quantities.ts'),
      statically('secrets/cache.ts', './entry.ts'),
      statically('providers/http/client.ts', '../../secrets/provider.ts'),
      statically('providers/http/client.ts', '../../config/source.ts'),
      statically('providers/http/client.ts', '../shared/json.ts'),
      forTypes('providers/http/client.ts', '../../config/schema.ts'),
      statically('providers/http/client.ts', 'undici'),
      dynamically('providers/registry.ts', './http/provider.ts'),
      forTypes('providers/registry.ts', './http/provider.ts'),
      statically('api/routes/secret.ts', '../../secrets/reading.ts'),
      statically('api/routes/secret.ts', '../door/challenge.ts'),
      statically('proxy/server.ts', '../errors.ts'),
      forTypes('audit/trail.ts', '../config/schema.ts'),
      forTypes('audit/trail.ts', '../secrets/clock.ts'),
      statically('proxy/limits/limiter.ts', '../../limits/gcra.ts'),
      statically('api/caller-limit.ts', '../limits/gcra.ts'),
      statically('access/callers.ts', '../secrets/glob.ts'),
      forTypes('access/callers.ts', '../config/schema.ts'),
      statically('listener/open.ts', '../config/listen.ts'),
      statically('tls/certificates.ts', '../file-watch.ts'),
      statically('sidecar.ts', './api/server.ts'),
      statically('sidecar.ts', './providers/registry.ts'),
      statically('commands/run.ts', '../sidecar.ts'),
      dynamically('main.ts', './commands/run.ts'),
      statically('main.ts', 'node:process'),
    ]),
    [],
  )
})

t.test('a circle between files is found, unless it is one of types', async (t) => {
  const [there, back] = [statically('api/a.ts', './b.ts'), statically('api/b.ts', './a.ts')]
  t.strictSame(fileCircles([there, back]), ['api/a.ts → api/b.ts → api/a.ts'])
  t.strictSame(fileCircles([there, forTypes('api/b.ts', './a.ts')]), [])
  t.strictSame(fileCircles([there, dynamically('api/b.ts', './c.ts'), dynamically('api/c.ts', './a.ts')]), [
    'api/a.ts → api/b.ts → api/c.ts → api/a.ts',
  ])
})

t.test('a circle between rooms is found even when it is one of types', async (t) => {
  const there = statically('config/load.ts', '../secrets/secret.ts')
  t.strictSame(roomCircles([there, forTypes('secrets/rules.ts', '../config/quantities.ts')]), [
    'config → secrets → config',
  ])
  t.strictSame(roomCircles([there, statically('config/load.ts', './schema.ts')]), [])
})
