import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { renderDocs } from '../../scripts/docs.ts'
import { fixedBounds } from '../../scripts/lib/fixed-bounds.ts'
import { configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts'
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
  t.equal(whole.length, 2)
  for (const yaml of whole)
    t.ok(await parse(yaml, { SIDEKEEP_URL: 'https://a.test', AUTH_TOKEN: 'CANARY-token-1' }))
})

t.test('every option says what it is for, gives an example and has a row', async (t) => {
  const text = renderDocs().get('docs/configuration.md') ?? ''
  for (const [path, option] of leaves(configJsonSchema(), [])) {
    t.type(option.description, 'string', `${path.join('.')} has a description`)
    t.ok(option.examples !== undefined || option.items !== undefined, `${path.join('.')} has an example`)
    t.match(text, `\`${path.at(-1)}\` |`.replace(/^`/, ''), `${path.join('.')} has a row`)
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

/** Every option that is no section, with its path. */
function leaves(schema: JsonSchema, path: string[]): [string[], JsonSchema][] {
  const members: [string[], JsonSchema | boolean | undefined][] = [
    ...Object.entries(schema.properties ?? {}).map(([name, option]): [string[], JsonSchema | boolean] => [
      [...path, name],
      option,
    ]),
    [path, schema.properties === undefined && path.length === 1 ? schema.additionalProperties : undefined],
    ...(schema.oneOf ?? []).map((option): [string[], JsonSchema] => [path, option]),
  ]
  const inner = members.flatMap(([at, option]) => (typeof option === 'object' ? leaves(option, at) : []))
  return inner.length > 0 || path.length === 0 ? inner : [[path, schema]]
}
