/** What secrets look like in each format. */
import type { FileConfig } from '../../config/schema.ts'
import { type Content, type FileSecret, FormatError } from '../content.ts'
import { renderDirectory } from './directory.ts'
import { renderDotenv } from './dotenv.ts'
import { renderJson, renderMap } from './json.ts'
import { renderProperties } from './properties.ts'
import { renderRaw } from './raw.ts'
import { renderTemplateFile } from './template.ts'
import { renderYaml } from './yaml.ts'

/**
 * What lies at the path for these secrets, each given once. They are written in the order of their names, bytewise, so that
 * the same secrets give the same bytes. The buffers are the caller's to overwrite.
 *
 * @throws FormatError
 */
export function renderContent(
  spec: Pick<FileConfig, 'format' | 'template' | 'keys'>,
  secrets: readonly FileSecret[],
): Content {
  const sorted = [...secrets].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  if (spec.format === 'directory') return { kind: 'folder', files: renderDirectory(sorted, spec.keys) }
  return { kind: 'file', bytes: bytesOf(spec, sorted) }
}

function bytesOf(
  spec: Pick<FileConfig, 'format' | 'template' | 'keys'>,
  secrets: readonly FileSecret[],
): Buffer {
  switch (spec.format) {
    case 'json':
      return renderJson(secrets, spec.keys)
    case 'map':
      return renderMap(secrets, spec.keys)
    case 'dotenv':
      return renderDotenv(secrets, spec.keys)
    case 'properties':
      return renderProperties(secrets, spec.keys)
    case 'yaml':
      return renderYaml(secrets, spec.keys)
    case 'raw':
      return renderRaw(secrets)
    case 'template':
      return renderTemplateFile(spec, secrets)
    case 'directory':
      throw new FormatError('a directory is no single file')
  }
}
