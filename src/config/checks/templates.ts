/** What composed secrets are composed of. */
import { isPattern } from '../../secrets/rules.ts'
import { TemplateError } from '../../secrets/template/parse.ts'
import type { Template } from '../../secrets/template/template.ts'
import { atKey } from '../issues.ts'
import { type Path, quote } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { Config, SecretConfig } from '../schema.ts'
import { type Crossing, isWritten } from './finding.ts'
import { atName, grammarProblem, ownRuleProblems, parsedOf } from './named-secrets.ts'

/** A composed secret may be part of another one, up to this many times in a row. */
const deepest = 10

/** What a rule says of fetching means nothing where nothing is fetched. */
const idle = ['key', 'field', 'refresh', 'maxStale'] as const

export function templateProblems(config: Config, raw: Raw): Crossing[] {
  const templates = new Map<string, Template>()
  const problems: Crossing[] = []
  for (const [name, { template }] of Object.entries(config.secrets)) {
    if (template === undefined) continue
    problems.push(...optionProblems(name, raw))
    const parsed = parsedOf(template)
    if (parsed instanceof TemplateError) problems.push(grammarProblem(pathOf(name), parsed, raw))
    else {
      templates.set(name, parsed)
      problems.push(...nameProblems(name, parsed, config, raw))
    }
  }
  for (const name of templates.keys()) {
    const circles = circleProblems(name, templates, raw)
    problems.push(...(circles.length > 0 ? circles : sharedKeyProblems(name, templates, config, raw)))
  }
  return problems
}

const pathOf = (name: string): Path => ['secrets', name, 'template']

function optionProblems(name: string, raw: Raw): Crossing[] {
  const template = pathOf(name)
  if (isPattern(name)) {
    const expected = 'provider: a pattern comes from a provider, and what is composed has a name of its own'
    return [{ problem: atKey(template, expected, raw), about: [template] }]
  }
  return idle
    .map((option) => ['secrets', name, option])
    .filter((path) => isWritten(raw, path))
    .map((path) => {
      const expected = 'nothing of that beside template: what is composed is as fresh as its parts'
      return { problem: atKey(path, expected, raw), about: [path, template] }
    })
}

function nameProblems(name: string, { names }: Template, config: Config, raw: Raw): Crossing[] {
  if (names.length === 0)
    return [at(name, 'the name of a secret in {{ }}: a text without one is no secret', raw)]
  return names.flatMap((part) => ownRuleProblems(pathOf(name), part, config, raw, name))
}

/** Told at each of those that are in the circle. */
function circleProblems(name: string, templates: ReadonlyMap<string, Template>, raw: Raw): Crossing[] {
  const composedIn = (part: string): string[] =>
    templates.get(part)?.names.filter((other) => templates.has(other)) ?? []
  let level = new Set(composedIn(name))
  for (let depth = 1; level.size > 0; depth++) {
    if (level.has(name)) return [at(name, 'other secrets than itself, directly or by way of others', raw)]
    if (depth > deepest) {
      const expected = `to be composed of composed secrets at most ${deepest} times in a row`
      return [at(name, expected, raw)]
    }
    level = new Set([...level].flatMap(composedIn))
  }
  return []
}

/**
 * What one key stands for is fetched together, and only so it is sure to be of one version: parts that share a key share
 * all their places.
 */
function sharedKeyProblems(
  name: string,
  templates: ReadonlyMap<string, Template>,
  config: Config,
  raw: Raw,
): Crossing[] {
  const known = new Map<string, { readonly part: string; readonly places: string }>()
  for (const part of leavesOf(name, templates)) {
    const rule = Object.hasOwn(config.secrets, part) ? config.secrets[part] : undefined
    const ids = rule === undefined ? [] : placesOf(rule)
    const places = ids.join()
    for (const id of ids) {
      const other = known.get(id)
      if (other === undefined) known.set(id, { part, places })
      else if (other.places !== places) {
        const expected = `parts that share a key to have the same provider and fallback: ${quote(other.part)} and ${quote(part)} would be fetched apart, and might be of two versions`
        return [at(name, expected, raw)]
      }
    }
  }
  return []
}

function leavesOf(name: string, templates: ReadonlyMap<string, Template>): Set<string> {
  const seen = new Set([name])
  for (const part of seen) for (const inner of templates.get(part)?.names ?? []) seen.add(inner)
  return new Set([...seen].filter((part) => !templates.has(part)))
}

/** Each provider with its key, as a text to compare. */
function placesOf({ provider, key, fallback }: SecretConfig): string[] {
  const places = fallback ?? (provider === undefined ? [] : [{ provider, key }])
  return places.map((place) => JSON.stringify([place.provider, place.key]))
}

const at = (name: string, expected: string, raw: Raw): Crossing => atName(pathOf(name), expected, raw)
