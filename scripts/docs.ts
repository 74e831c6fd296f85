/**
 * Writes docs/configuration.md and docs/sidekeep.schema.json from the one schema of the configuration, and what
 * manifests/monitoring has beside the rules.
 * With --check it writes nothing and exits with 1 where they are not current.
 */
import { readFile, writeFile } from 'node:fs/promises'
import {
  configJsonSchema,
  configJsonSchemaText,
  fallbackMark,
  type JsonSchema,
  typeMark,
} from '../src/config/json-schema.ts'
import { introduction } from './lib/configuration-introduction.ts'
import { dashboardText } from './lib/dashboard/json.ts'
import { fixedBoundsText } from './lib/fixed-bounds.ts'
import { prometheusRuleText } from './lib/prometheus-rule.ts'

const root = new URL('../', import.meta.url)

/** The files to write, by their path from the root of the repository. */
export function renderDocs(): Map<string, string> {
  return new Map([
    ['docs/configuration.md', `${introduction}\n${reference()}\n${fixedBoundsText()}`],
    ['docs/sidekeep.schema.json', configJsonSchemaText()],
    ['manifests/monitoring/prometheus-rule.yaml', prometheusRuleText()],
    ['manifests/monitoring/dashboard.json', dashboardText()],
  ])
}

function reference(): string {
  const sections = Object.entries(properties(configJsonSchema({ annotated: true })))
  return sections.map(([name, schema]) => sectionText(name, schema)).join('\n')
}

function sectionText(name: string, schema: JsonSchema): string {
  const heading = `## \`${name}\`\n\n${schema.description ?? ''}\n`
  const items = Array.isArray(schema.items) ? undefined : object(schema.items)
  const member = object(schema.additionalProperties) ?? items
  if (member === undefined) return `${heading}\n${table(rows(schema, ''))}`
  const kinds = member.oneOf
  if (kinds === undefined) return `${heading}\n${table(rows(member, ''))}`
  const texts = kinds.map((kind) => {
    const type = properties(kind).type
    return `### \`type: ${String(type?.const)}\`\n\n${type?.description ?? ''}\n\n${table(rows(kind, ''))}`
  })
  return `${heading}\n${texts.join('\n')}`
}

interface Row {
  readonly name: string
  readonly schema: JsonSchema
  readonly required: boolean
}

/**
 * One row for each option; the options of what stands within follow, named from outside in. A mapping has a row of its
 * own where it may be left out as a whole, and what is left out then is told there.
 */
function rows(schema: JsonSchema, prefix: string): Row[] {
  return Object.entries(properties(schema)).flatMap(([name, option]) => {
    const row = {
      name: `${prefix}${name}`,
      schema: option,
      required: schema.required?.includes(name) ?? false,
    }
    if (option.properties !== undefined) {
      const inner = rows(option, `${row.name}.`)
      return option[fallbackMark] === undefined ? inner : [row, ...inner]
    }
    const items = object(Array.isArray(option.items) ? undefined : option.items)
    if (items?.properties !== undefined) return [row, ...rows(items, `${row.name}[].`)]
    const member = object(option.additionalProperties)
    return member?.properties === undefined ? [row] : [row, ...rows(member, `${row.name}.NAME.`)]
  })
}

function table(list: readonly Row[]): string {
  const lines = list.map(({ name, schema, required }) => {
    const cells = [
      code(name),
      typeText(schema),
      defaultText(schema, required),
      schema.description ?? '',
      exampleText(schema),
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return `| option | type | default | what it is for | example |\n|---|---|---|---|---|\n${lines.join('\n')}\n`
}

function typeText(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(String(schema.const))
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(', ')
  const named = schema[typeMark]
  const range =
    schema.type === 'integer' && schema.minimum !== undefined
      ? `, ${schema.minimum} to ${schema.maximum ?? '∞'}`
      : ''
  return `${typeof named === 'string' ? named : String(schema.type)}${range}`
}

function defaultText(schema: JsonSchema, required: boolean): string {
  if (required) return '*required*'
  const words = schema[fallbackMark]
  if (typeof words === 'string') return words
  return schema.default === undefined ? 'none' : code(yamlText(schema.default))
}

function exampleText(schema: JsonSchema): string {
  const [example] = schema.examples ?? []
  return example === undefined ? '' : code(yamlText(example))
}

/** On one line, as the file would have it. */
function yamlText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlText).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, member]) => `${key}: ${yamlText(member)}`)
      .join(', ')} }`
  }
  if (typeof value !== 'string') return String(value)
  // What YAML would read as a number, or not as a plain string at all.
  return /^[0-9]+$/.test(value) || /^[*&!|>{["'%@`]/.test(value) ? JSON.stringify(value) : value
}

function code(text: string): string {
  return `\`${text}\``
}

function properties(schema: JsonSchema): Record<string, JsonSchema> {
  const entries = Object.entries(schema.properties ?? {})
  return Object.fromEntries(
    entries.flatMap(([name, option]) => (typeof option === 'boolean' ? [] : [[name, option]])),
  )
}

function object(schema: JsonSchema | boolean | undefined): JsonSchema | undefined {
  return typeof schema === 'object' ? schema : undefined
}

async function main(check: boolean): Promise<number> {
  let outdated = 0
  for (const [path, text] of renderDocs()) {
    const url = new URL(path, root)
    const current = await readFile(url, 'utf8').catch(() => '')
    if (current === text) continue
    outdated++
    if (check) console.error(`${path} is not current: run "npm run docs".`)
    else await writeFile(url, text)
  }
  return check && outdated > 0 ? 1 : 0
}

if (import.meta.main) process.exitCode = await main(process.argv.includes('--check'))
