import { files } from './file-rows.ts'
import { health, process } from './health-rows.ts'
import { type Panel, variables } from './panel.ts'
import { providers, secrets } from './secret-rows.ts'
import { api, proxy } from './traffic-rows.ts'

/** In the order in which somebody looks who was called: is it well, what is old, whose fault, who feels it. */
const rows = [health, secrets, providers, api, proxy, files, process]

/** The grid of Grafana is 24 wide; a panel takes a third of it. */
const width = 8
const height = 7
const datasource = { type: 'prometheus', uid: `\${datasource}` }

/** The dashboard as Grafana imports it: a row for each concern, and panels three abreast below it. */
export function dashboardText(): string {
  const dashboard = {
    uid: 'sidekeep',
    title: 'Sidekeep',
    description:
      'The sidecars that Prometheus scrapes: their secrets, providers, callers, proxies and files.',
    tags: ['sidekeep'],
    schemaVersion: 38,
    editable: true,
    graphTooltip: 1,
    refresh: '1m',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [dataSourceVariable(), ...variables.map(variable)] },
    panels: panels(),
  }
  return `${JSON.stringify(dashboard, undefined, 2)}\n`
}

function panels(): object[] {
  const placed: object[] = []
  let y = 0
  for (const row of rows) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: 3 * width, h: 1 },
    })
    y += 1
    for (const [place, panel] of row.panels.entries()) {
      const gridPos = { x: (place % 3) * width, y: y + Math.floor(place / 3) * height, w: width, h: height }
      placed.push(panelJson(panel, placed.length + 1, gridPos))
    }
    y += Math.ceil(row.panels.length / 3) * height
  }
  return placed
}

function panelJson(panel: Panel, id: number, gridPos: object): object {
  return {
    id,
    type: panel.type ?? 'timeseries',
    title: panel.title,
    description: panel.description,
    datasource,
    gridPos,
    fieldConfig: { defaults: { unit: panel.unit ?? 'short', min: 0 }, overrides: [] },
    targets: panel.targets.map(([expr, legendFormat], place) => ({
      refId: String.fromCharCode(65 + place),
      datasource,
      expr,
      legendFormat,
      ...(panel.type === 'stat' && { instant: true }),
    })),
  }
}

function dataSourceVariable(): object {
  return { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {} }
}

/** All values at first; where a label is not there, as without Kubernetes, all is the empty one as well. */
function variable({ name, query }: { name: string; query: string }): object {
  return {
    name,
    label: name,
    type: 'query',
    datasource,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
  }
}
