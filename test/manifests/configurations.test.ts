import t from 'tap'
import { parseConfig } from '../../src/config/load.ts'
import { only, readManifests } from './documents.ts'
import { configurations } from './folders.ts'

const pod = only(readManifests('examples/pod.yaml'), 'ConfigMap').data['sidekeep.yaml'] ?? ''
const all = [...configurations(), { place: 'examples/pod.yaml', text: pod }]

for (const { place, text } of all) {
  t.test(`${place} is a configuration that the sidecar takes`, async (t) => {
    const { config, warnings } = await parseConfig(text, { file: 'sidekeep.yaml', env: {} })
    t.strictSame(warnings, [])
    t.match(config.api.listen, { host: '127.0.0.1', port: 7575 }, 'secrets are served within the pod alone')
    t.match(config.ops?.listen, { host: '0.0.0.0', port: 7576 }, 'and probes where they are asked')
    t.ok(
      Object.values(config.secrets).some(({ required }) => required),
      'the application waits for a secret',
    )
  })
}

t.test('what is added to a configuration for files and the proxy is there', async (t) => {
  const places = all.map(({ place }) => place)
  t.ok(places.includes('components/files/sidekeep.yaml'))
  t.ok(places.includes('components/proxy/sidekeep.yaml'))
})

t.test('the files lie on the shared volume, and its group may read them', async (t) => {
  for (const { place, text } of all.filter(({ place }) => place.includes('files'))) {
    const { config } = await parseConfig(text, { file: 'sidekeep.yaml', env: {} })
    t.match(config.files, [{ path: '/shared/secrets.json', mode: 0o440, format: 'map' }], place)
  }
})

t.test(
  'the application behind the proxy is probed through it, at no limit, and ends before it',
  async (t) => {
    const text = all.find(({ place }) => place === 'examples/proxy-redis/sidekeep.yaml')?.text ?? ''
    const { config } = await parseConfig(text, { file: 'sidekeep.yaml', env: {} })
    const { spec } = only(readManifests('examples/proxy-redis/deployment.yaml'), 'Deployment').spec.template
    const [application] = spec.containers
    t.strictSame(application?.readinessProbe?.httpGet, { path: '/healthz', port: 8080 })
    t.match(config.proxy?.listen, { host: '0.0.0.0', port: 8080 })
    t.strictSame(config.proxy?.exempt, ['/healthz'])
    t.ok((application?.lifecycle?.preStop?.sleep.seconds ?? 0) > 0)
  },
)

t.test('beside a plain container the sidecar serves on while the application ends', async (t) => {
  const legacy = all.find(({ place }) => place === 'examples/legacy/sidekeep.yaml')?.text ?? ''
  const { config } = await parseConfig(legacy, { file: 'sidekeep.yaml', env: {} })
  t.equal(config.shutdown.linger, 10_000)
})
