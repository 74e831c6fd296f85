import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { renderDocs } from '../../scripts/docs.ts'
import { fixedBounds } from '../../scripts/lib/fixed-bounds.ts'
import { configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts'
import { provider } from '../../src/config/schema/providers.ts'
import { parse } from './helpers.ts'

const root = new URL('../../', import.meta.url)

t.test('the generated documents are current', async (t) => {
  for (const [path, text] of renderDocs()) {
    t.ok((await readFile(new URL(path, root), 'utf8')) === text, `${path}: run "npm run docs"`)
  }
})

t.test('the script says so by its exit code', async (t) => {
  const code = await new Promise((resolve) => {
    execFile(process.execPath, ['scripts/docs.ts', '--check'], { cwd: root }, (error) =>
      resolve(error?.code ?? 0),
    )
  })
  t.equal(code, 0)
})

t.test('the examples of the documentation are configurations', async (t) => {
  const text = renderDocs().get('docs/configuration.md') ?? ''
  const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)
  const whole = examples.filter((yaml) => yaml.includes('secrets:'))
  t.equal(whole.length, 3)
  for (const yaml of whole)
    t.ok(await parse(yaml, { SIDEKEEP_URL: 'https://a.test', AUTH_TOKEN: 'CANARY-token-1' }))
})

t.test(
  'the examples for callers are configurations, and nothing is to be warned of but tokens to come',
  async (t) => {
    const text = await readFile(new URL('docs/callers.md', root), 'utf8')
    const examples = [...text.matchAll(/```yaml\n(\s*# sidekeep\.yaml\n[\s\S]*?)```/g)].map(
      ([, yaml = '']) => yaml,
    )
    t.equal(examples.length, 2)
    for (const yaml of examples) {
      const { warnings } = await parse(yaml)
      t.strictSame(
        warnings.filter((warning) => !warning.includes('.token, which does not exist')),
        [],
      )
    }
  },
)

t.test('each kind of provider has a page, whose examples are configurations', async (t) => {
  const kinds = provider().def.options.map(({ shape }) => shape.type.def.values[0])
  const index = await readFile(new URL('docs/providers/README.md', root), 'utf8')
  for (const kind of kinds) {
    t.match(index, `[\`${kind}\`](${kind}.md)`, `${kind} is in the index`)
    const text = await readFile(new URL(`docs/providers/${kind}.md`, root), 'utf8')
    const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)]
      .map(([, yaml = '']) => yaml)
      .filter((yaml) => /^providers:/m.test(yaml) && /^secrets:/m.test(yaml))
    t.not(examples.length, 0, `${kind} has an example`)
    for (const yaml of examples) t.ok(await parse(yaml), `${kind}: ${yaml.split('\n', 3).join(' ')}`)
  }
})

t.test('every option says what it is for, gives an example and has a row', async (t) => {
  const text = renderDocs().get('docs/configuration.md') ?? ''
  for (const [path, option] of leaves(configJsonSchema(), [])) {
    t.type(option.description, 'string', `${path.join('.')} has a description`)
    t.ok(option.examples !== undefined, `${path.join('.')} has an example`)
    // A section that is a list as a whole has the rows of its items.
    const row = path.slice(path[1] === '[]' ? 2 : 1).join('.')
    t.match(text, `${row}\` |`.replaceAll('.[]', '[]'), `${path.join('.')} has a row`)
  }
})

t.test('the bounds that are no options are those of the source', async (t) => {
  const text = renderDocs().get('docs/configuration.md') ?? ''
  for (const { of, bound, file, constant } of fixedBounds) {
    t.ok(text.includes(`| ${of} | ${bound} |`), `${of} has a row`)
    const source = await readFile(new URL(file, root), 'utf8')
    t.match(source, new RegExp(`const ${RegExp.escape(constant)}$`, 'm'), `${constant} in ${file}`)
  }
})

t.test('the options of a caller and of a further listener are among them', async (t) => {
  const paths = leaves(configJsonSchema(), []).map(([path]) => path.join('.'))
  for (const path of [
    'api.tls.cert',
    'api.callers.NAME.tokens',
    'api.callers.NAME.limit',
    'api.listeners.[].group',
    'api.listeners.[].tls.clientCa',
    'api.listeners.[].callers.NAME.rights',
    'proxy.limits.[].key',
    'proxy.timeouts.idle',
    'audit.onFailure',
  ]) {
    t.ok(paths.includes(path), path)
  }
  t.match(renderDocs().get('docs/configuration.md'), /^\| `tls` \| mapping \| plain HTTP \|/m)
})

/** Every option that is no section, with its path; what stands in a list is `[]`, and in a mapping by name `NAME`. */
function leaves(schema: JsonSchema, path: string[]): [string[], JsonSchema][] {
  const items = Array.isArray(schema.items) ? undefined : schema.items
  const member = schema.properties === undefined ? schema.additionalProperties : undefined
  const members: [string[], JsonSchema | boolean | undefined][] = [
    ...Object.entries(schema.properties ?? {}).map(([name, option]): [string[], JsonSchema | boolean] => [
      [...path, name],
      option,
    ]),
    // The mappings by name that are sections have their options listed without a name before them.
    [
      path.length === 1 ? path : [...path, 'NAME'],
      hasOptions(member) || path.length === 1 ? member : undefined,
    ],
    [[...path, '[]'], hasOptions(items) ? items : undefined],
    ...(schema.oneOf ?? []).map((option): [string[], JsonSchema] => [path, option]),
  ]
  const inner = members.flatMap(([at, option]) => (typeof option === 'object' ? leaves(option, at) : []))
  // What has options within is one itself where the documentation gives it a row.
  const own: [string[], JsonSchema][] = schema.examples === undefined ? [] : [[path, schema]]
  return inner.length > 0 || path.length === 0 ? [...own, ...inner] : [[path, schema]]
}

function hasOptions(schema: JsonSchema | boolean | undefined): boolean {
  return typeof schema === 'object' && schema.properties !== undefined
}
