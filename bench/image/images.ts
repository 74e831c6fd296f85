/** The two images that are compared, built where no registry of images is reachable, and their settings of podman. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { podman } from '../../test/manifests/pod/podman.ts'

const execute = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

/** One of the images. */
export interface Image {
  readonly name: string
  /** As podman knows it. */
  readonly tag: string
  /** All its files, as they lie in it. */
  readonly rootfs: string
  /** What prints one line as soon as it can, and what of the image takes part in that. */
  readonly greeting: { readonly words: string; readonly command: readonly string[] }
}

export interface Images {
  readonly own: Image
  readonly standIn: Image
  /** What the stand-in is, in words for the page. */
  readonly description: string
  /** Removes both from podman. */
  remove(): Promise<void>
}

/**
 * Has podman run with the settings of the checks, from here on: they work without systemd.
 *
 * @param folder - of this run; podman's processes have it as theirs, since conmon writes a file named `oom` where it was
 *   started when the kernel kills a container
 */
export function usePodman(folder: string): void {
  execFileSync('bash', ['-euc', '. "$0/.ci/podman.sh"; use_podman "$1"', root, folder])
  process.env.CONTAINERS_CONF = join(folder, 'containers.conf')
  process.chdir(folder)
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
  // Pages that are not written yet cannot be dropped (see evict).
  execFileSync('sync')
  return {
    own,
    standIn: standIn.image,
    description: standIn.description,
    remove: async () => {
      await podman('rmi', '--force', own.tag, standIn.image.tag)
    },
  }
}

async function buildOwn(folder: string): Promise<Image> {
  const dist = join(folder, 'dist')
  const rootfs = join(folder, 'own')
  const tag = `localhost/sidekeep-bench-${process.pid}:own`
  await execute(process.execPath, [join(root, 'scripts/build.ts'), '--outdir', dist])
  const options = ['--tag', tag, '--dist', dist, '--rootfs', rootfs, '--no-size']
  await execute(join(root, 'docker/test-image'), options)
  const greeting = { words: 'its command `version` prints it', command: ['version'] }
  return { name: "Sidekeep's image", tag, rootfs, greeting }
}

async function buildStandIn(folder: string, cache: string): Promise<{ image: Image; description: string }> {
  const build = join(folder, 'stand-in')
  const rootfs = join(build, 'rootfs')
  const tag = `localhost/sidekeep-bench-${process.pid}:stand-in`
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
    words: '`node --eval` prints it',
    command: ['node', '--eval', 'console.log("hello")'],
  }
  return {
    image: { name: 'the stand-in', tag, rootfs, greeting },
    description: descriptionOf(taken),
  }
}

function descriptionOf(taken: ReadonlyMap<string, string>): string {
  return [
    'The stand-in is not the official image, which no registry brought here. It is what one would build by the usual recipe',
    "(`FROM node:26-bookworm-slim`, the sources, `npm ci --omit=dev`, `CMD [\"node\", \"src/main.ts\", \"run\"]`) of parts that are as near",
    `as can be had: Debian ${taken.get('debian')} by \`debootstrap --variant=minbase\` with the libraries that Node is linked with, less what`,
    "Debian's slim images are made without (manual pages, documentation but for the licences, translations, what apt fetched);",
    `Node ${process.version} of the npm package \`node\`, with its symbols, and npm ${taken.get('npm')}; in \`/app\` the folder \`src\` and`,
    `\`node_modules\` as \`npm ci --omit=dev\` installs it from package-lock.json, ${taken.get('packages')} packages. It lacks Node's headers and`,
    "documentation, which the official image has, npm's cache, and whatever else `COPY . .` would take along; and it is one",
    "layer. So the real one is larger. It runs under Node's defaults, as the recipe leaves them.",
  ].join('\n')
}

/**
 * Drops the larger files of an image from memory, so that a container which is started next is the first of its image on
 * the machine, and charged for all pages of files that it touches.
 */
export async function evict({ tag }: Image): Promise<void> {
  const mounted = await podman('image', 'mount', tag)
  const drop = ['-exec', 'dd', 'if={}', 'iflag=nocache', 'count=0', 'status=none', ';']
  await execute('find', [mounted, '-type', 'f', '-size', '+64k', ...drop])
  await podman('image', 'unmount', tag)
}
