/** How large the images are. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { table } from '../support/statistics.ts'
import type { Image, Images } from './images.ts'
import { megabytes } from './report.ts'

const execute = promisify(execFile)

/** As docker/test-image reckons it: all files as they lie, and through gzip at its usual level, as registries have them. */
export async function benchSize({ own, standIn }: Images): Promise<string> {
  const [ours, theirs] = [await sizeOf(own), await sizeOf(standIn)]
  const row = (
    words: string,
    of: (size: Size) => number,
    show: (value: number) => string,
  ): readonly string[] => [words, show(of(ours)), show(of(theirs)), (of(ours) / of(theirs)).toFixed(2)]
  return table(
    ['', own.name, standIn.name, 'ratio'],
    [
      row('unpacked', ({ unpacked }) => unpacked, megabytes),
      row('through gzip', ({ compressed }) => compressed, megabytes),
      row(
        'files',
        ({ files }) => files,
        (count) => count.toLocaleString('en'),
      ),
    ],
  )
}

interface Size {
  /** Bytes, as the next. */
  readonly unpacked: number
  readonly compressed: number
  /** Regular ones. */
  readonly files: number
}

async function sizeOf({ rootfs }: Image): Promise<Size> {
  const count = async (pipe: string): Promise<number> =>
    Number((await execute('bash', ['-euo', 'pipefail', '-c', pipe, rootfs])).stdout)
  return {
    unpacked: await count('du --summarize --bytes --apparent-size "$0" | cut -f 1'),
    compressed: await count('tar --create --directory "$0" . | gzip | wc --bytes'),
    files: await count('find "$0" -type f -printf . | wc --bytes'),
  }
}
