import * as z from 'zod/mini'
import { isSensitive, type Path } from './problems.ts'
import { pathKey, type Raw } from './raw.ts'
import { type Config, configSchema, kindsIn } from './schema.ts'

/** Plain values, fit for a log line and for JSON. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain }

/**
 * The effective configuration as it would be written, all defaults filled in, fit for a log line: credentials show
 * where they come from, strings with variables in them show the variable's name, URLs lose their query.
 */
export function redactConfig(config: Config, raw?: Raw): Plain {
  return plain(withoutIdle(z.encode(configSchema(kindsIn(config)), config)), [], raw?.templates ?? new Map())
}

type Written = z.input<ReturnType<typeof configSchema>>

/** Without the defaults that callers, or a template, take the place of: beside them they would be refused. */
function withoutIdle({ api, secrets = {}, ...others }: Written): Written {
  const rules = Object.entries(secrets).map(([name, { key, refresh, maxStale, ...rule }]) => [
    name,
    rule.template === undefined ? { ...rule, key, refresh, maxStale } : rule,
  ])
  const rest = { ...others, secrets: Object.fromEntries(rules) }
  if (api === undefined) return rest
  const { access, ...main } = api
  const listeners = api.listeners?.map((listener) => {
    const { access, rights, ...door } = listener
    return door.callers === undefined ? listener : door
  })
  return {
    api: {
      ...(main.callers === undefined ? api : main),
      ...(listeners === undefined ? {} : { listeners }),
    },
    ...rest,
  }
}

function plain(value: unknown, path: Path, templates: ReadonlyMap<string, string>): Plain {
  const template = templates.get(pathKey(path))
  // What stands between the names may be a password that somebody knew by heart.
  if (isTemplate(path)) return '[redacted]'
  if (isUrl(path)) return withoutQuery(template ?? String(value))
  if (isNotifyUrl(path)) return originOf(template ?? String(value))
  if (isArgument(path)) return '[redacted]'
  if (template !== undefined) return isSensitive(path) ? '[redacted]' : template
  if (Array.isArray(value)) return value.map((item, index) => plain(item, [...path, index], templates))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, plain(member, [...path, key], templates)]),
    )
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
}

function isTemplate(path: Path): boolean {
  return (path[0] === 'secrets' || path[0] === 'files') && path.length === 3 && path[2] === 'template'
}

function isUrl(path: Path): boolean {
  return path[0] === 'providers' && path.length === 3 && path[2] === 'url'
}

/** A query is where keys of APIs are passed when they are not passed in headers. */
function withoutQuery(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : `${url.slice(0, query)}?[redacted]`
}

/** `files[0].notify[0].http.url` */
function isNotifyUrl(path: Path): boolean {
  return path[0] === 'files' && path.length === 6 && path[4] === 'http' && path[5] === 'url'
}

/**
 * `files[0].notify[0].exec[1]`, and the same of a provider's `command`: programs are commonly given a token as an argument
 * (`curl -H`). The program itself is shown, and how many arguments it has.
 */
function isArgument(path: Path): boolean {
  const index = path.at(-1)
  if (typeof index !== 'number' || index === 0) return false
  if (path[0] === 'providers') return path.length === 4 && path[2] === 'command'
  return path[0] === 'files' && path.length === 6 && path[2] === 'notify' && path[4] === 'exec'
}

/** Who may be told by a URL alone has the credential in its path. */
function originOf(url: string): string {
  const origin = /^https?:\/\/[^/?#]*/i.exec(url)?.[0]
  if (origin === undefined) return '[redacted]'
  return origin.length === url.length ? origin : `${origin}/[redacted]`
}
