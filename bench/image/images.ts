/** The two images that are compared, built where no registry of images is reachable. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { ours } from './podman.ts'

const execute = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

/** One of the images. */
export interface Image {
  readonly name: string
  /** As podman knows it. */
  readonly tag: string
  /** All its files, as they lie in it. */
  readonly rootfs: string
  /** A command of the image that prints one line and no more. */
  readonly greeting: { readonly words: string; readonly command: readonly string[] }
}

export interface Images {
  readonly own: Image
  readonly standIn: Image
  /** What the stand-in is, in words for the page. */
  readonly description: string
}

/**
 * Builds the bundle and both images.
 *
 * @param folder - of this run: all that is made lies there
 * @param cache - where Debian's files lie, or come to lie
 * @throws where one cannot be built, with what the builder said
 */
export async function buildImages(folder: string, cache: string): Promise<Images> {
  const [own, standIn] = [await buildOwn(folder), await buildStandIn(folder, cache)]
  // Pages that are not written yet cannot be dropped (see place).
  execFileSync('sync')
  return { own, standIn: standIn.image, description: standIn.description }
}

async function buildOwn(folder: string): Promise<Image> {
  const dist = join(folder, 'dist')
  const rootfs = join(folder, 'own')
  const tag = `localhost/${ours}:own`
  await execute(process.execPath, [join(root, 'scripts/build.ts'), '--outdir', dist])
  const options = ['--tag', tag, '--dist', dist, '--rootfs', rootfs, '--no-size']
  await execute(join(root, 'docker/test-image'), options)
  const greeting = { words: 'its command `version`', command: ['version'] }
  return { name: "Sidekeep's image", tag, rootfs, greeting }
}

async function buildStandIn(folder: string, cache: string): Promise<{ image: Image; description: string }> {
  const build = join(folder, 'stand-in')
  const rootfs = join(build, 'rootfs')
  const tag = `localhost/${ours}:stand-in`
  mkdirSync(build)
  const assemble = join(root, 'bench/image/assemble-stand-in')
  const { stdout } = await execute(assemble, ['--into', rootfs, '--cache', cache], { maxBuffer: 2 ** 24 })
  const taken = new Map(stdout.split('\n').map((line) => line.split('\t') as [string, string]))
  writeFileSync(
    join(build, 'Dockerfile'),
    'FROM scratch\nCOPY rootfs/ /\nWORKDIR /app\nCMD ["node", "src/main.ts", "run"]\n',
  )
  await execute('buildah', ['build', '--quiet', '--format', 'docker', '--tag', tag, build])
  const greeting = {
    words: '`node --eval`',
    command: ['node', '--eval', 'console.log("hello"); setInterval(() => {}, 60_000)'],
  }
  return {
    image: { name: 'the stand-in', tag, rootfs, greeting },
    description: descriptionOf(taken),
  }
}

function descriptionOf(taken: ReadonlyMap<string, string>): string {
  return [
    'The stand-in is not the official image, which no registry brought here. It is what one would build by the usual recipe',
    '(`FROM node:26-bookworm-slim`, the sources, `npm ci --omit=dev`, `CMD ["node", "src/main.ts", "run"]`) of parts that are as near',
    `as can be had: Debian ${taken.get('debian')} by \`debootstrap --variant=minbase\` with the libraries that Node is linked with, less what`,
    "Debian's slim images are made without (manual pages, documentation but for the licences, translations, what apt fetched);",
    `Node ${process.version} of the npm package \`node\`, with its symbols, and npm ${taken.get('npm')}; in \`/app\` the folder \`src\` and`,
    `\`node_modules\` as \`npm ci --omit=dev\` installs it from package-lock.json, ${taken.get('packages')} packages. It lacks Node's headers and`,
    "documentation, which the official image has, npm's cache, and whatever else `COPY . .` would take along; and it is one",
    "layer. So the real one is larger. It runs under Node's defaults, as the recipe leaves them.",
  ].join('\n')
}
