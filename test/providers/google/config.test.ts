import { readFile } from 'node:fs/promises'
import t from 'tap'
import { createProvider } from '../../../src/providers/registry.ts'
import { parse, refused } from '../../config/helpers.ts'
import { context } from '../conformance.ts'

const page = new URL('../../../docs/providers/google-secret-manager.md', import.meta.url)

t.test('the examples of the documentation are configurations, and nothing is to be warned of', async (t) => {
  const text = await readFile(page, 'utf8')
  const examples = [...text.matchAll(/```yaml\n(# sidekeep\.yaml\n[\s\S]*?)```/g)].map(
    ([, yaml = '']) => yaml,
  )
  t.equal(examples.length, 2)
  for (const yaml of examples) {
    const { config, warnings } = await parse(yaml)
    t.same(warnings, [])
    for (const provider of Object.values(config.providers)) {
      const made = await createProvider(provider, context(t))
      await made.close?.()
    }
  }
})

const written = (options: string): string => `
providers:
  google: { type: google-secret-manager${options} }
secrets:
  a: { provider: google }
`

t.test('every option has a default, and what it is in the program', async (t) => {
  const { config } = await parse(written(''))
  t.strictSame(config.providers, {
    google: {
      type: 'google-secret-manager',
      timeout: 5000,
      maxBody: 1_048_576,
      maxSecrets: 10_000,
      maxCallsPerSecond: 100,
      maxConcurrentCalls: 8,
      maxQueuedCalls: 1000,
    },
  })
})

t.test('what is written right is taken', async (t) => {
  for (const options of [
    ', project: my-project',
    ', project: "123456789012"',
    ', project: "example.com:my-project"',
    ', location: europe-west3',
    ', endpoint: "https://secretmanager-prod.p.googleapis.com"',
    ', endpoint: "http://127.0.0.1:8080/"',
    ', endpoint: "http://[::1]:8080"',
    ', credentials: { env: CREDENTIALS }',
    ', impersonate: a@b-c.iam.gserviceaccount.com',
    ', quotaProject: my-project',
    ", filter: 'labels.team=payments AND NOT labels.env=test'",
  ]) {
    t.ok(await parse(written(options), { CREDENTIALS: '{}' }), options)
  }
})

t.test('what is written wrong is refused, with what was expected', async (t) => {
  for (const [options, says] of [
    [', project: P', /providers\.google\.project.*the ID of a project/],
    [', project: "../other"', /the ID of a project/],
    [', project: my-project/', /the ID of a project/],
    [', location: EU', /the name of a location/],
    [', location: "a.b"', /the name of a location/],
    [', location: "-"', /the name of a location/],
    [', endpoint: secretmanager.googleapis.com', /begins with https:/],
    [', endpoint: "https://a.test/v1"', /ends with the host or its port/],
    [', endpoint: "https://user@a.test"', /ends with the host or its port/],
    [', endpoint: "https://a.test:99999"', /ends with the host or its port/],
    [', endpoint: "https://a.test?x"', /ends with the host or its port/],
    [', impersonate: reader', /the e-mail address of a service account/],
    [', impersonate: "a@b/../c"', /the e-mail address of a service account/],
    [', quotaProject: "a b"', /the ID of a project/],
    [', filter: ""', /a filter of secrets\.list/],
    [', url: "https://a.test"', /one of type, project, location/],
  ] as const) {
    t.match((await refused(written(options))).join('\n'), says, options)
  }
})

t.test('an endpoint over plain HTTP on another host is warned of', async (t) => {
  const { warnings } = await parse(written(', endpoint: "http://google.test"'))
  t.match(warnings.join('\n'), /providers\.google\.endpoint is plain http to another host/)
})
