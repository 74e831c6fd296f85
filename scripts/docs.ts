/**
 * Writes docs/configuration.md and docs/sidekeep.schema.json from the one schema of the configuration.
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
import { fixedBoundsText } from './lib/fixed-bounds.ts'

const root = new URL('../', import.meta.url)

const introduction = `# Configuration

<!-- Written by \`npm run docs\` from the schema in src/config/schema.ts: change it there. -->

Sidekeep reads one YAML file. This one fetches two secrets and whatever is shared from an HTTP backend:

\`\`\`yaml
api:
  listen: 127.0.0.1:7575            # or unix:/run/sidekeep/api.sock
ops:
  listen: 0.0.0.0:7576              # optional: health and metrics only
providers:
  platform:
    type: http
    url: https://my-secrets.platform:8080/secrets
    token: { env: AUTH_TOKEN }
    ca: { file: /etc/ssl/platform-ca.pem }   # optional
    timeout: 5s
secrets:
  db-password: { provider: platform, refresh: 10m, maxStale: 24h, required: true }
  api-key:     { provider: platform, key: stripe-live, field: key }
  "shared/*":  { provider: platform, key: "*" }    # a pattern
shutdown: { timeout: 25s, linger: 0s }
log: { level: info }
\`\`\`

Every option has a default that suits a sidecar in a pod, save those marked *required*.
\`sidekeep check\` reads a configuration and opens nothing. \`sidekeep schema\` prints the JSON Schema, which is also in
[sidekeep.schema.json](sidekeep.schema.json); an editor with the YAML language server takes it from a first line of
\`# yaml-language-server: $schema=sidekeep.schema.json\`.

## Where it comes from

The first of these that is there:

1. \`--config FILE\`
2. the file that \`$SIDEKEEP_CONFIG\` names
3. \`./sidekeep.yaml\`
4. \`/etc/sidekeep/sidekeep.yaml\`
5. the environment alone

A file that was named must exist, and any that exists must be right: Sidekeep does not go on to the next place. A file
has at most 1 MiB, is UTF-8 and holds one YAML 1.2 document. Relative paths in it start at the working directory.

All that is wrong is told at once, each with its line, column and path, and the process ends with exit code 78 before it
has opened anything. Unknown keys are errors, since a misspelt option would otherwise be ignored in silence. Values that
came from variables or files are never repeated, nor are credentials.

## Without a file

For one backend that lists all secrets, the environment is enough:

| variable | stands for |
|---|---|
| \`SIDEKEEP_URL\` | the URL that lists all secrets: \`url\` of an \`http\` provider |
| \`AUTH_TOKEN\` | holds the bearer token |
| \`SIDEKEEP_TOKEN_FILE\` | names a file that holds it instead |
| \`SIDEKEEP_REFRESH\` | \`refresh\` of all secrets |
| \`SIDEKEEP_LISTEN\` | \`api.listen\` |

It is the same as this file, and readiness waits for the first list:

\`\`\`yaml
providers:
  default: { type: http, url: "\${SIDEKEEP_URL}", token: { env: AUTH_TOKEN } }
secrets:
  "*": { provider: default, required: true }
\`\`\`

## Quantities

- A **duration** is a whole number and a unit: \`500ms\`, \`10s\`, \`5m\`, \`12h\`, \`7d\`.
- A **size** is a whole number and a unit: \`B\`, \`KiB\`, \`MiB\`, \`GiB\` (powers of 1024), \`KB\`, \`MB\`, \`GB\` (powers of
  1000). Without a unit it is bytes.
- A **rate** is a whole number per second, minute or hour: \`100/s\`, \`60/m\`, \`1000/h\`.
- An **address** is \`127.0.0.1:7575\`, \`[::1]:7575\` or \`unix:/run/sidekeep/api.sock\`. Port 0 takes any free port. Host
  names are refused, \`localhost\` too: a name may mean another address than the one that callers use.

## Strings from elsewhere

A **string source** is one of three:

\`\`\`yaml
token: { env: AUTH_TOKEN }           # an environment variable
token: { file: /run/secrets/token }  # a file; one newline at its end is dropped
token: written-right-here            # for trying things out
\`\`\`

The variable or file is read again at each use, since mounted tokens are replaced while the process runs.

In any other string, \`\${NAME}\` takes the environment variable \`NAME\` when the file is read; a variable that is not set is
an error. \`\${NAME:-default}\` takes the default where the variable is unset or empty, and \`$\${\` stands for \`\${\` itself.
Between brackets, \`{ … }\` and \`[ … ]\`, YAML wants quotes around it: \`{ provider: "\${NAME}" }\`. The result is always a
string: it suits durations, sizes, addresses and URLs, but not numbers and \`true\` or \`false\`.

## Names

A secret's name has 1 to 256 bytes of UTF-8, no control character, no backslash, and no segment between slashes that is
empty, \`.\` or \`..\`. With one \`*\` it is a **pattern**, where \`*\` matches any characters, slashes too.
`

/** The files to write, by their path from the root of the repository. */
export function renderDocs(): Map<string, string> {
  return new Map([
    ['docs/configuration.md', `${introduction}\n${reference()}\n${fixedBoundsText()}`],
    ['docs/sidekeep.schema.json', configJsonSchemaText()],
  ])
}

function reference(): string {
  const sections = Object.entries(properties(configJsonSchema({ annotated: true })))
  return sections.map(([name, schema]) => sectionText(name, schema)).join('\n')
}

function sectionText(name: string, schema: JsonSchema): string {
  const heading = `## \`${name}\`\n\n${schema.description ?? ''}\n`
  const member = object(schema.additionalProperties)
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

/** One row for each option; the options of what stands within follow, named from outside in. */
function rows(schema: JsonSchema, prefix: string): Row[] {
  return Object.entries(properties(schema)).flatMap(([name, option]) => {
    const row = {
      name: `${prefix}${name}`,
      schema: option,
      required: schema.required?.includes(name) ?? false,
    }
    const items = object(Array.isArray(option.items) ? undefined : option.items)
    if (option.properties !== undefined) return rows(option, `${row.name}.`)
    return items?.properties === undefined ? [row] : [row, ...rows(items, `${row.name}[].`)]
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
