/** A line chart as SVG, by hand: time in hours to the right, calls per second upwards on a logarithmic scale. */

export interface Line {
  readonly name: string
  /** A colour that can be read on white and on black. */
  readonly colour: string
  readonly perSecond: Uint32Array
}

export interface Panel {
  readonly title: string
  readonly fromSecond: number
  readonly untilSecond: number
  /** How many seconds one point of a line stands for; it shows the busiest of them, and the band the quietest. */
  readonly secondsPerPoint: number
  /** Between two labels of the time axis, in seconds. */
  readonly tickEvery: number
  readonly tickLabel: (second: number) => string
}

const width = 960
const panelHeight = 250
const margin = { left: 64, right: 16, top: 34, bottom: 46 } as const
/** Text and axes: between the greys that white and black make readable. */
const grey = '#7d8590'

export function drawChart(lines: readonly Line[], panels: readonly Panel[], description: string): string {
  const height = panels.length * panelHeight + 24
  const highest = Math.max(...lines.map(({ perSecond }) => perSecond.reduce((a, b) => Math.max(a, b), 1)))
  const decades = Math.ceil(Math.log10(highest))
  const parts = panels.map((panel, at) => drawPanel(panel, lines, decades, at * panelHeight))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="${grey}">
<title>${escaped(description)}</title>
${parts.join('\n')}
${legend(lines, height - 8)}
</svg>
`
}

function drawPanel(panel: Panel, lines: readonly Line[], decades: number, top: number): string {
  const { fromSecond, untilSecond, tickEvery } = panel
  const plot = { width: width - margin.left - margin.right, height: panelHeight - margin.top - margin.bottom }
  const x = (at: number): number =>
    margin.left + ((at - fromSecond) / (untilSecond - fromSecond)) * plot.width
  // One call a second and none are both the bottom line: a logarithm has no zero.
  const y = (calls: number): number =>
    top + margin.top + plot.height * (1 - Math.log10(Math.max(1, calls)) / decades)

  const parts = [
    `<text x="${margin.left}" y="${top + 18}" font-size="14" font-weight="600">${escaped(panel.title)}</text>`,
  ]
  for (let decade = 0; decade <= decades; decade += 1) {
    const at = y(10 ** decade).toFixed(1)
    parts.push(
      `<path d="M${margin.left} ${at}H${width - margin.right}" stroke="${grey}" stroke-opacity="0.3"/>`,
      `<text x="${margin.left - 8}" y="${at}" dy="4" text-anchor="end">${(10 ** decade).toLocaleString('en')}</text>`,
    )
  }
  const bottom = top + margin.top + plot.height
  for (let at = Math.ceil(fromSecond / tickEvery) * tickEvery; at <= untilSecond; at += tickEvery) {
    const place = x(at).toFixed(1)
    parts.push(
      `<path d="M${place} ${bottom}v5" stroke="${grey}"/>`,
      `<text x="${place}" y="${bottom + 18}" text-anchor="middle">${escaped(panel.tickLabel(at))}</text>`,
    )
  }
  const middle = top + margin.top + plot.height / 2
  parts.push(
    `<text transform="translate(14 ${middle}) rotate(-90)" text-anchor="middle">calls/s at the backend</text>`,
  )
  for (const line of lines) parts.push(drawLine(line, panel, x, y))
  return parts.join('\n')
}

function drawLine(
  { colour, perSecond }: Line,
  { fromSecond, untilSecond, secondsPerPoint }: Panel,
  x: (second: number) => number,
  y: (calls: number) => number,
): string {
  const upper: string[] = []
  const lower: string[] = []
  for (let at = fromSecond; at < untilSecond; at += secondsPerPoint) {
    const seconds = perSecond.subarray(at, Math.min(at + secondsPerPoint, untilSecond))
    const place = x(at + seconds.length / 2).toFixed(1)
    upper.push(`${place} ${y(Math.max(...seconds)).toFixed(1)}`)
    lower.push(`${place} ${y(Math.min(...seconds)).toFixed(1)}`)
  }
  const band = `<path d="M${[...upper, ...lower.reverse()].join('L')}Z" fill="${colour}" fill-opacity="0.15"/>`
  const line = `<path d="M${upper.join('L')}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-linejoin="round"/>`
  return `${band}\n${line}`
}

function legend(lines: readonly Line[], y: number): string {
  return lines
    .map(({ name, colour }, at) => {
      const x = margin.left + at * 420
      return `<path d="M${x} ${y - 4}h24" stroke="${colour}" stroke-width="3"/><text x="${x + 32}" y="${y}">${escaped(name)}</text>`
    })
    .join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
