import { parseTemplate } from '../../secrets/template/parse.ts'
import { renderTemplate } from '../../secrets/template/render.ts'
import type { Template } from '../../secrets/template/template.ts'
import { type FileSecret, FormatError } from '../content.ts'
import { maxRenderedBytes } from './byte-writer.ts'
import { quoted } from './entries.ts'

/** By the file that has it: parsed once, however often its secrets change, and forgotten with the configuration. */
const parsed = new WeakMap<object, Template>()

/** The text of `template` with the values of its secrets, as composed secrets are rendered. */
export function renderTemplateFile(
  spec: { readonly template?: string | undefined },
  secrets: readonly FileSecret[],
): Buffer {
  const byName = new Map(secrets.map((secret) => [secret.name, secret]))
  const secretOf = (name: string): FileSecret => {
    const secret = byName.get(name)
    if (secret !== undefined) return secret
    throw new FormatError(`the template names ${quoted(name)}, which is not held`, name)
  }
  const made = renderTemplate(templateOf(spec), secretOf, maxRenderedBytes)
  if ('reason' in made) throw new FormatError(made.message, made.part)
  return made.reveal()
}

function templateOf(spec: { readonly template?: string | undefined }): Template {
  let template = parsed.get(spec)
  if (template === undefined) {
    template = parseTemplate(spec.template ?? '')
    parsed.set(spec, template)
  }
  return template
}
