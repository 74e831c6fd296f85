/** What lies below manifests/, and which configurations and components are there. */
import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { read, readKustomization, root } from './documents.ts'

const manifests = join(root, 'manifests')

/** Folders that kustomize builds or takes as components, from manifests/. */
export const kustomizations = globSync('{base,examples/*,components/*}/kustomization.yaml', {
  cwd: manifests,
})
  .map((file) => dirname(file))
  .sort()

export const components = kustomizations.filter((folder) => readKustomization(folder).kind === 'Component')
export const buildable = kustomizations.filter((folder) => !components.includes(folder))

/** The configurations as they are given to the sidecar: whole ones, and those that a component has one add to base. */
export function configurations(): { readonly place: string; readonly text: string }[] {
  const base = read('base/sidekeep.yaml')
  return globSync('{base,examples/*,components/*}/sidekeep.yaml', { cwd: manifests })
    .sort()
    .map((place) => ({ place, text: place.startsWith('components/') ? base + read(place) : read(place) }))
}
