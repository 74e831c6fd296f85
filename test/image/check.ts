/**
 * Holds the image against what docker/README.md promises: what is in it, and how it runs. Prints a line for each check
 * and `N passed, N failed`; exits with 1 where one failed. docker/test builds what it looks at.
 *
 *     node check.ts --image IMAGE --rootfs FOLDER --sbom FILE --difference TEXT
 */
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import * as z from 'zod'
import { confinementOf, memoryChargeOf, podman } from '../manifests/pod/podman.ts'
import { poll } from '../manifests/pod/poll.ts'
import { createAuthority } from '../support/certificates.ts'
import { startRotatingProvider } from './provider.ts'

const { values } = parseArgs({
  options: {
    image: { type: 'string' },
    rootfs: { type: 'string' },
    sbom: { type: 'string' },
    difference: { type: 'string' },
  },
})
const { image, rootfs, sbom, difference } = z
  .object({ image: z.string(), rootfs: z.string(), sbom: z.string(), difference: z.string() })
  .parse(values)

/** Bytes. */
const mostUnpacked = 130e6
const mostCompressed = 45e6
/** Seconds. */
const patience = 60
const loadSeconds = 8
const secrets = 1000
/** MiB; what the manifests give it. */
const limit = 64
const name = `sidekeep-image-${process.pid}`
const folder = mkdtempSync(join(tmpdir(), 'sidekeep-image-'))
const files = readdirSync(rootfs, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
let passed = 0
let failed = 0

await check('the same files give the same layers and configuration', () => {
  assert.equal(difference, '', 'a second build, from another folder and under another umask, has others')
})

await check(
  'it holds the executable, its libraries, authorities and the bundle, and nothing else',
  async () => {
    const programs = files.filter(
      (file) => (statSync(file).mode & 0o111) !== 0 && !/\.so(\.|$)|\/ld-linux/.test(file),
    )
    assert.deepEqual(
      programs.map((file) => file.slice(rootfs.length)).filter((file) => !file.endsWith('.js')),
      ['/usr/local/bin/sidekeep'],
    )
    const elsewhere = files.filter(
      (file) =>
        !/^\/(opt\/sidekeep|lib\w*|usr\/lib|usr\/local\/bin\/sidekeep|etc\/(ssl\/certs|nsswitch))/.test(
          file.slice(rootfs.length),
        ),
    )
    assert.deepEqual(elsewhere, [])
    for (const program of ['sh', 'bash', 'npm', 'npx', 'node', 'apt', 'busybox']) {
      await assert.rejects(
        podman('run', '--rm', '--network', 'none', '--entrypoint', program, image),
        /not found|no such file/i,
      )
    }
  },
)

await check('its labels, user, entry point and health check are set', async () => {
  const version = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')).version
  const labels = z
    .record(z.string(), z.string())
    .parse(JSON.parse(await inspected('{{json .Config.Labels}}')))
  const label = (key: string): string | undefined => labels[`org.opencontainers.image.${key}`]
  assert.equal(label('title'), 'sidekeep')
  assert.equal(label('licenses'), 'Apache-2.0')
  assert.equal(label('version'), version)
  for (const key of ['description', 'source', 'revision']) assert.ok(label(key), `no label ${key}`)
  assert.equal(await inspected('{{.Config.User}}'), '65532:65532')
  assert.equal(await inspected('{{json .Config.Entrypoint}}'), '["/usr/local/bin/sidekeep"]')
  assert.match(await inspected('{{json .HealthCheck}}'), /"\/usr\/local\/bin\/sidekeep","probe","livez"/)
})

await check('it is no larger than aimed at', async () => {
  const unpacked = files.reduce((sum, file) => sum + statSync(file).size, 0)
  const compressed = await layerSize()
  assert.ok(unpacked <= mostUnpacked, `${unpacked} bytes unpacked`)
  assert.ok(compressed <= mostCompressed, `${compressed} bytes compressed`)
  return `${(unpacked / 1e6).toFixed(1)} MB unpacked, ${(compressed / 1e6).toFixed(1)} MB with gzip`
})

await check('its bill of materials names Node, packages of Debian and every file', async () => {
  const { components } = z
    .object({
      components: z.array(z.looseObject({ type: z.string(), name: z.string(), purl: z.string().optional() })),
    })
    .parse(JSON.parse(readFileSync(sbom, 'utf8')))
  const listed = components.filter(({ type }) => type === 'file').map((one) => one.name)
  assert.deepEqual(listed.toSorted(), files.map((file) => file.slice(rootfs.length)).toSorted())
  const purls = components.map(({ purl }) => purl ?? '')
  for (const part of [
    'pkg:github/nodejs/node@v',
    'pkg:deb/debian/libc6@',
    'pkg:deb/debian/ca-certificates@',
  ]) {
    assert.ok(
      purls.some((purl) => purl.startsWith(part)),
      `${part} is missing`,
    )
  }
})

await check('what is read only where it is configured is there: the libraries of the providers', async () => {
  const file = join(folder, 'providers.yaml')
  writeFileSync(
    file,
    `providers:
  vault: { type: vault, url: "http://127.0.0.1:9", auth: { token: { env: TOKEN } } }
  aws: { type: aws-secrets-manager, region: eu-central-1, endpoint: "http://127.0.0.1:9" }
  parameters: { type: aws-parameter-store, region: eu-central-1, endpoint: "http://127.0.0.1:9" }
  google: { type: google-secret-manager, project: my-project-42, endpoint: "http://127.0.0.1:9" }
  azure: { type: azure-key-vault, url: "http://127.0.0.1:9" }
secrets:
  a: { provider: vault, key: secret/a, field: x }
  b: { provider: aws }
  c: { provider: parameters }
  d: { provider: google }
  e: { provider: azure }
`,
  )
  const variables = ['TOKEN=x', 'AWS_ACCESS_KEY_ID=x', 'AWS_SECRET_ACCESS_KEY=x'].flatMap((one) => [
    '--env',
    one,
  ])
  const mount = `${file}:/etc/sidekeep/sidekeep.yaml:ro`
  // Nothing answers there, so it ends with 1; each line has what the provider itself says of that.
  const said = await podman(
    ...['run', '--rm', '--network', 'none', ...variables, '--volume', mount, image, 'check', '--connect'],
  ).then(
    () => assert.fail('it found secrets where there are none'),
    (error: unknown) => z.object({ stdout: z.string() }).parse(error).stdout,
  )
  for (const provider of ['vault', 'aws', 'parameters', 'azure']) {
    assert.match(said, new RegExp(`unavailable: provider "${provider}": .*ECONNREFUSED`))
  }
  assert.match(said, /unavailable: provider "google": there are no credentials/)
})

await check(
  'V8 takes the code that was recorded of the program, and there is some of all that a start loads',
  async () => {
    // Loaded before everything else, it sees how each script was made.
    writeFileSync(
      join(folder, 'watch.cjs'),
      `const vm = require('node:vm'); const taken = [], left = []
vm.Script = class extends vm.Script {
  constructor(text, options) {
    super(text, options)
    const all = options?.cachedData !== undefined && this.cachedDataRejected === false ? taken : left
    all.push(options?.filename)
  }
}
process.on('exit', () => console.log('loaded ' + JSON.stringify({ taken, left })))`,
    )
    const provider = await startRotatingProvider(1, 0)
    const file = join(folder, 'watched.yaml')
    writeFileSync(
      file,
      `api: { listen: "127.0.0.1:0" }
providers: { p: { type: http, url: "${provider.url}" } }
secrets: { "*": { provider: p, required: true } }
`,
    )
    const watched = `${name}-watched`
    await podman(
      ...['run', '--detach', '--name', watched, '--network', 'host', '--memory', '64m', '--cpus', '0.5'],
      ...[
        '--volume',
        `${join(folder, 'watch.cjs')}:/watch.cjs:ro`,
        '--volume',
        `${file}:/etc/sidekeep/sidekeep.yaml:ro`,
      ],
      ...['--env', 'NODE_OPTIONS=--require /watch.cjs', image],
    )
    await poll('ready', patience, async () => (await log(watched)).includes('"msg":"ready') || undefined)
    await podman('stop', '--time', '10', watched)
    const said = /loaded (.*)/.exec(await log(watched))?.[1] ?? '{}'
    await podman('rm', watched)
    provider.stop()
    const { taken, left } = z
      .object({ taken: z.array(z.string()), left: z.array(z.string()) })
      .parse(JSON.parse(said))
    assert.deepEqual(left, [])
    assert.ok(taken.length > 30, said)
    return `${taken.length} scripts`
  },
)

await check(
  'it trusts the authorities in its folder, and what a cluster adds or puts in their place',
  async () => {
    const authority = createAuthority()
    const server = createServer(authority.issue(), (_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end('[{"name":"a","value":"CANARY-a"}]')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    assert.ok(address !== null && typeof address === 'object')
    writeFileSync(join(folder, 'ca.crt'), authority.ca)
    writeFileSync(
      join(folder, 'tls.yaml'),
      `providers: { p: { type: http, url: "https://127.0.0.1:${address.port}" } }\nsecrets: { a: { provider: p } }\n`,
    )
    const asked = (...more: string[]): Promise<string> =>
      podman(
        ...[
          'run',
          '--rm',
          '--network',
          'host',
          '--volume',
          `${join(folder, 'tls.yaml')}:/etc/sidekeep/sidekeep.yaml:ro`,
        ],
        ...[...more, image, 'check', '--connect'],
      )
    await assert.rejects(asked(), (error) =>
      /certificate/.test(z.object({ stdout: z.string() }).parse(error).stdout),
    )
    const mount = (to: string): string[] => ['--volume', `${join(folder, 'ca.crt')}:/etc/ssl/certs/${to}:ro`]
    for (const more of [
      mount('corp.crt'),
      mount('ca-certificates.crt'),
      [...mount('corp.crt'), '--env', 'NODE_OPTIONS=--use-system-ca'],
      [...mount('corp.crt'), '--env', 'NODE_OPTIONS=--use-openssl-ca'],
      ['--volume', `${join(folder, 'ca.crt')}:/extra.crt:ro`, '--env', 'NODE_EXTRA_CA_CERTS=/extra.crt'],
    ]) {
      assert.match(await asked(...more), /\ba\b/, more.join(' '))
    }
    server.closeAllConnections()
    server.close()
  },
)

await check(`with ${limit} MiB and a read-only root it serves ${secrets} secrets that rotate`, async () => {
  const provider = await startRotatingProvider(secrets, 10)
  mkdirSync(join(folder, 'etc'))
  writeFileSync(
    join(folder, 'etc/sidekeep.yaml'),
    `api: { listen: "127.0.0.1:0" }
providers: { p: { type: http, url: "${provider.url}", maxBody: 4MiB } }
secrets: { "*": { provider: p, refresh: 5s, required: true } }
`,
  )
  await podman(
    'run',
    '--detach',
    '--name',
    name,
    '--network',
    'host',
    '--memory',
    `${limit}m`,
    '--memory-swap',
    `${limit}m`,
    '--cpus',
    '0.5',
    '--read-only',
    '--read-only-tmpfs=false',
    '--cap-drop',
    'all',
    '--security-opt',
    'no-new-privileges',
    '--volume',
    `${join(folder, 'etc')}:/etc/sidekeep:ro`,
    image,
  )
  const api = await poll('ready', patience, async () =>
    (await log()).includes('"msg":"ready') ? /"api":"(http[^"]*)"/.exec(await log())?.[1] : undefined,
  )
  const pid = Number(await podman('inspect', '--format', '{{.State.Pid}}', name))
  const { uid, readOnlyRoot } = confinementOf(pid)
  assert.deepEqual({ uid, readOnlyRoot }, { uid: 65532, readOnlyRoot: true })
  const load = join(import.meta.dirname, 'load.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [
    load,
    api,
    String(secrets),
    '100',
    String(loadSeconds),
  ])
  const asked = z.object({ answered: z.int(), failed: z.int() }).parse(JSON.parse(stdout))
  assert.equal(asked.failed, 0)
  assert.ok(asked.answered > 0)
  assert.ok(provider.rotations() > 0 && provider.fetches() > 1)
  // The health check, as the image has it, but for the port, which is the machine's here.
  assert.equal(
    await podman('exec', '--env', `SIDEKEEP_API=${api}`, name, '/usr/local/bin/sidekeep', 'probe', 'livez'),
    'ok',
  )
  const { peak } = memoryChargeOf(pid)
  provider.stop()
  return `ready after ${readyAfter(await log())} ms from its first line at half a core, at most ${(peak / 2 ** 20).toFixed(0)} MiB charged`
})

await check('whoever runs the executable has its options', async () => {
  const options = z
    .object({ execArgv: z.array(z.string()) })
    .parse(
      JSON.parse(readFileSync(join(import.meta.dirname, '../../docker/executable/sea-config.json'), 'utf8')),
    )
  assert.ok(options.execArgv.includes('--disable-sigusr1'))
  const pid = Number(await podman('inspect', '--format', '{{.State.Pid}}', name))
  // Without the option Node would open a debugger on loopback, which the pod shares.
  process.kill(pid, 'SIGUSR1')
  await podman('exec', name, '/usr/local/bin/sidekeep', 'version')
  assert.equal(await podman('inspect', '--format', '{{.State.Running}}', name), 'true')
  assert.doesNotMatch(await log(), /Debugger listening/)
})

await podman('rm', '--force', '--time', '5', name).catch(() => undefined)
rmSync(folder, { recursive: true })
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

async function check(title: string, run: () => unknown): Promise<void> {
  try {
    const remark = await run()
    passed += 1
    console.log(`ok - ${title}${typeof remark === 'string' ? `: ${remark}` : ''}`)
  } catch (error) {
    failed += 1
    console.log(`not ok - ${title}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function inspected(format: string): Promise<string> {
  return podman('inspect', '--type', 'image', '--format', format, image)
}

async function log(container = name): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('podman', ['logs', container], { maxBuffer: 2 ** 26 })
  return stdout + stderr
}

/** Milliseconds between what it logs when its listeners are open and when it is ready. */
function readyAfter(text: string): number {
  const times = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => z.looseObject({ time: z.string(), msg: z.string() }).parse(JSON.parse(line)))
  const at = (start: string): number => Date.parse(times.find(({ msg }) => msg.startsWith(start))?.time ?? '')
  return at('ready') - at('sidekeep started')
}

/** As registries have it: a layer through gzip at its usual level. */
async function layerSize(): Promise<number> {
  const pipe = 'tar --create --directory "$0" . | gzip | wc --bytes'
  return Number((await promisify(execFile)('bash', ['-c', pipe, rootfs])).stdout)
}
