/** How podman runs for the measurements, and what they leave behind: nothing. */
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

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

/** Of this run, and of no other's: what its containers' names begin with, and its images'. */
export const ours = `sidekeep-bench-${process.pid}`

/** Removes all of this run from podman. Takes effect before it returns, so that it can be called as the process ends. */
export function removeAll(): void {
  const list = (...args: string[]): string[] =>
    execFileSync('podman', args, { encoding: 'utf8' }).split('\n').filter(Boolean)
  const containers = list('ps', '--all', '--quiet', '--filter', `name=^${ours}-`)
  if (containers.length > 0) execFileSync('podman', ['rm', '--force', '--time', '0', ...containers])
  const images = list('images', '--quiet', `localhost/${ours}`)
  if (images.length > 0) execFileSync('podman', ['rmi', '--force', ...images])
}
