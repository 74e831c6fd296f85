/** How figures of several rounds are written. */
import { median } from '../support/statistics.ts'

/** The median, and in brackets the least and the most; empty where nothing was measured. */
export function spread(figures: readonly number[], show: (figure: number) => string, unit: string): string {
  if (figures.length === 0) return ''
  const middle = `${show(median(figures))} ${unit}`
  const [least, most] = [show(Math.min(...figures)), show(Math.max(...figures))]
  return least === most ? middle : `${middle} (${least}–${most})`
}

/** The middle of the ratios, pair by pair. */
export function pairRatio(ours: readonly number[], theirs: readonly number[]): string {
  const ratios = ours.flatMap((figure, at) => {
    const other = theirs[at]
    return other === undefined ? [] : [figure / other]
  })
  return ratios.length === 0 ? '' : median(ratios).toFixed(2)
}

/** Of bytes, since that is what limits of Kubernetes are written in. */
export const inMebibytes = (figures: readonly number[]): string =>
  spread(figures, (bytes) => (bytes / 2 ** 20).toFixed(1), 'MiB')

export const inMilliseconds = (figures: readonly number[]): string =>
  spread(figures, (milliseconds) => milliseconds.toFixed(0), 'ms')

export const inSeconds = (figures: readonly number[]): string =>
  spread(figures, (seconds) => seconds.toFixed(2), 's')

/** As images are measured by registries: a million bytes. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
