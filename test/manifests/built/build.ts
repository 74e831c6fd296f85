/** kustomize and the schemas of Kubernetes, as the programs that they are. */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../documents.ts'

const execute = promisify(execFile)

/** What `kubectl apply -k` would apply. Rejects with what kustomize said where it cannot be built. */
export async function build(kubectl: string, folder: string): Promise<string> {
  const { stdout } = await execute(kubectl, ['kustomize', folder])
  return stdout
}

/** A file of an overlay: its name and its text. */
export type OverlayFiles = Readonly<Record<string, string>>

/** An overlay beside a copy of the manifests, so that it finds them at ../manifests. */
export function overlay(scratch: string, files: OverlayFiles): string {
  const parent = mkdtempSync(join(scratch, 'overlay-'))
  cpSync(join(root, 'manifests'), join(parent, 'manifests'), { recursive: true })
  const folder = join(parent, 'overlay')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/**
 * What the schemas of a version of Kubernetes (such as 1.29) have against files with documents, unknown fields
 * included; nothing where they are right.
 */
export async function schemaErrors(
  validate: string,
  kubernetes: string,
  files: readonly string[],
): Promise<string> {
  try {
    await execute(validate, ['--strict', '--quiet', '--no-warn', '-k', kubernetes, ...files])
    return ''
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error
    return `${String(error.stdout)}${String(error.stderr)}`.trim() || error.message
  }
}
