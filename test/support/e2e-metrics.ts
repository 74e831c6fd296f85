/** The value of one line of a Prometheus text, by its name and labels in any order; undefined where there is none. */
export function metric(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  for (const line of text.split('\n')) {
    const [, found, pairs = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (found !== name) continue
    const matches = Object.entries(labels).every(([key, label]) => pairs.includes(`${key}="${label}"`))
    if (matches) return Number(value)
  }
  return undefined
}
