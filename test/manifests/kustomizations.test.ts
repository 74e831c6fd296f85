import t from 'tap'
import { only, read, readKustomization, readManifests } from './documents.ts'
import { buildable, components } from './folders.ts'

t.test('each component of the documentation is there', async (t) => {
  t.strictSame(components, [
    'components/files',
    'components/monitoring',
    'components/proxy',
    'components/sidecar',
    'components/sidecar-legacy',
  ])
})

for (const component of components) {
  t.test(`${component} is for what has the label sidekeep, of any kind with a pod template`, async (t) => {
    for (const { target } of readKustomization(component).patches ?? []) {
      t.equal(target.labelSelector, 'sidekeep=true')
      t.match(target.kind, /^(Deployment\|StatefulSet\|DaemonSet\|Job|Service)$/)
    }
    if (component !== 'components/monitoring') return
    const { spec } = only(readManifests(`${component}/pod-monitor.yaml`), 'PodMonitor')
    t.strictSame(spec.selector.matchLabels, { sidekeep: 'true' })
    t.equal(spec.podMetricsEndpoints[0]?.port, 'ops', 'metrics are where no secret is')
  })
}

t.test('the base is the configuration alone', async (t) => {
  t.strictSame(readKustomization('base').configMapGenerator, [{ name: 'sidekeep', files: ['sidekeep.yaml'] }])
})

for (const folder of buildable.filter((folder) => folder !== 'base')) {
  t.test(`${folder} puts exactly one sidecar beside its application`, async (t) => {
    const { resources = [], components = [], configMapGenerator } = readKustomization(folder)
    t.equal(components.filter((path) => /\/sidecar(-legacy)?$/.test(path)).length, 1)
    t.equal(resources[0], '../../base')
    if (configMapGenerator !== undefined) {
      t.strictSame(configMapGenerator, [{ name: 'sidekeep', behavior: 'replace', files: ['sidekeep.yaml'] }])
      t.match(read(`${folder}/sidekeep.yaml`), '$schema=../../../docs/sidekeep.schema.json')
    }
  })
}
