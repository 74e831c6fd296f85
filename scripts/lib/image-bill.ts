/**
 * The bill of materials of the image: npm's of what is bundled, and beside it Node, what Node itself is built with, the
 * packages of Debian that files were taken from, and every file with its hash. CycloneDX 1.5.
 */
import * as z from 'zod'

/** A file of the image. */
export interface ImageFile {
  /** Absolute, as the container sees it. */
  readonly path: string
  /** SHA-256, in hexadecimal digits. */
  readonly hash: string
}

/** Where a file was taken from. */
export interface DebianOrigin {
  readonly path: string
  readonly package: string
  readonly version: string
  readonly architecture: string
}

const component = z.looseObject({
  'bom-ref': z.string().min(1),
  type: z.enum(['application', 'library', 'file', 'framework']),
  name: z.string().min(1),
  version: z.string().min(1).optional(),
  purl: z.string().startsWith('pkg:').optional(),
  hashes: z.array(z.looseObject({ alg: z.string(), content: z.string() })).optional(),
})
const dependency = z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })
const bill = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.enum(['1.5', '1.6']),
  serialNumber: z.string().startsWith('urn:uuid:'),
  metadata: z.looseObject({ component }),
  components: z.array(component),
  dependencies: z.array(dependency),
})
type Component = z.infer<typeof component>

export interface ImageContents {
  /** What `npm run sbom` prints. */
  readonly bundled: string
  /** Node's version, and as `process.versions` has them those of its parts. */
  readonly node: string
  readonly parts: Readonly<Record<string, string>>
  readonly files: readonly ImageFile[]
  readonly origins: readonly DebianOrigin[]
}

/** Puts them together. @throws where a file has no origin, or the bundle's bill is none */
export function imageBill({ bundled, node, parts, files, origins }: ImageContents): string {
  const base = bill.parse(JSON.parse(bundled))
  const root = base.metadata.component['bom-ref']
  const nodeRef = `node@${node}`
  const ofNode = Object.entries(parts)
    .filter(([name, version]) => name !== 'node' && version !== '')
    .map(
      ([name, version]): Component => ({ 'bom-ref': `${nodeRef}|${name}`, type: 'library', name, version }),
    )
  const packages = new Map(origins.map((origin) => [purlOf(origin), origin]))
  const originOf = new Map(origins.map((origin) => [origin.path, purlOf(origin)]))
  const owner = ({ path }: ImageFile): string => {
    if (path === '/usr/local/bin/sidekeep') return nodeRef
    if (path.startsWith('/opt/sidekeep/') || path === '/etc/nsswitch.conf') return root
    const found = originOf.get(path)
    if (found === undefined) throw new Error(`${path} is in the image, and nothing says where it is from`)
    return found
  }
  const owned = new Map<string, string[]>()
  for (const file of files) {
    const by = owner(file)
    owned.set(by, [...(owned.get(by) ?? []), fileRef(file)])
  }
  const added: Component[] = [
    {
      'bom-ref': nodeRef,
      type: 'application',
      name: 'node',
      version: node,
      purl: `pkg:github/nodejs/node@v${node}`,
      licenses: [{ license: { id: 'MIT' } }],
    },
    ...ofNode,
    ...[...packages].map(
      ([purl, origin]): Component => ({
        'bom-ref': purl,
        type: 'library',
        name: origin.package,
        version: origin.version,
        purl,
      }),
    ),
    ...files.map(
      (file): Component => ({
        'bom-ref': fileRef(file),
        type: 'file',
        name: file.path,
        hashes: [{ alg: 'SHA-256', content: file.hash }],
      }),
    ),
  ]
  const dependencies = base.dependencies.map(({ ref, dependsOn, ...rest }) => ({
    ...rest,
    ref,
    dependsOn:
      ref === root ? [...dependsOn, nodeRef, ...packages.keys(), ...(owned.get(root) ?? [])] : dependsOn,
  }))
  dependencies.push({
    ref: nodeRef,
    dependsOn: [...ofNode.map((one) => one['bom-ref']), ...(owned.get(nodeRef) ?? [])],
  })
  for (const purl of packages.keys()) dependencies.push({ ref: purl, dependsOn: owned.get(purl) ?? [] })
  return `${JSON.stringify({ ...base, components: [...base.components, ...added], dependencies }, undefined, 2)}\n`
}

/** What is wrong with an image's bill: it is to list exactly the files that are in the image, Node, and whole packages. */
export function faultsOfImageBill(text: string, files: readonly ImageFile[]): string[] {
  const parsed = bill.safeParse(JSON.parse(text))
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  const { components, dependencies, metadata } = parsed.data
  const refs = [metadata.component, ...components].map((one) => one['bom-ref'])
  const known = new Set(refs)
  const needed = new Set(dependencies.flatMap(({ dependsOn }) => dependsOn))
  const listed = new Map(
    components.flatMap(({ type, name, hashes }) => (type === 'file' ? [[name, hashes?.[0]?.content]] : [])),
  )
  const there = new Set(files.map(({ path }) => path))
  return [
    ...files
      .filter(({ path, hash }) => listed.get(path) !== hash)
      .map(({ path }) => `${path} is missing or another`),
    ...[...listed.keys()]
      .filter((path) => path !== undefined && !there.has(path))
      .map((path) => `${path} is not there`),
    ...[...needed].filter((ref) => !known.has(ref)).map((ref) => `${ref} is depended on and not listed`),
    ...components
      .filter((one) => one.type === 'file' && !needed.has(one['bom-ref']))
      .map(({ name }) => `${name} belongs to nothing`),
    ...(refs.length === known.size ? [] : ['a reference stands for two things']),
    ...(components.some(({ name, version }) => name === 'node' && version !== undefined)
      ? []
      : ['Node is missing']),
  ]
}

function purlOf({ package: name, version, architecture }: DebianOrigin): string {
  return `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`
}

function fileRef({ path }: ImageFile): string {
  return `file:${path}`
}
