/** The kustomization that docs/kubernetes.md shows, as somebody makes it who follows that page. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { read, root } from '../documents.ts'
import { overlay } from './build.ts'
import { workload } from './workloads.ts'

/** Where it lies, and the image that it names. */
export interface Documented {
  readonly folder: string
  readonly image: string
}

/** The kustomization of the first chapter, with the patch for the token below it. */
export function documented(scratch: string): Documented {
  const page = readFileSync(join(root, 'docs', 'kubernetes.md'), 'utf8')
  const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text)
  const kustomization = blocks.find((text) => text.startsWith('# kustomization.yaml'))
  const patches = blocks.find((text) => text.startsWith('patches:'))
  assert.ok(kustomization !== undefined && patches !== undefined, 'the page shows neither, or not both')
  const [, name, tag] = /newName: (\S+), newTag: (\S+) /.exec(kustomization) ?? []
  const folder = overlay(scratch, {
    'kustomization.yaml': kustomization + patches,
    'deployment.yaml': stringify(workload('Deployment', 'shop', { sidekeep: 'true' })),
    'sidekeep.yaml': read('base/sidekeep.yaml'),
  })
  return { folder, image: `${name}:${tag}` }
}
