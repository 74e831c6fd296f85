import { once } from 'node:events'
import { chmodSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ending, FakeProject } from '../support/fake-project.ts'

t.test('the first run installs, says so in one line, and hands over', async (t) => {
  const project = new FakeProject(t)
  const { code, stdout, stderr } = await project.run(['-p', '1 + 1'])
  t.equal(code, 0)
  t.equal(stdout, '2\n')
  t.match(stderr, /^sidekeep: installing packages with npm ci \(first run\).*\n$/)
  t.equal(project.npmCalls().length, 1)
  t.match(project.npmCalls()[0], /^ci --no-audit --no-fund --include=dev /)
})

t.test('later runs install nothing and say nothing', async (t) => {
  const project = new FakeProject(t)
  await project.run(['-v'])
  const { stdout, stderr } = await project.run(['-v'])
  t.equal(stdout, `${process.version}\n`)
  t.equal(stderr, '')
  t.equal(project.npmCalls().length, 1)
})

t.test('a changed lock file installs again; one that was only touched does not', async (t) => {
  const project = new FakeProject(t)
  await project.run(['-v'])
  const later = new Date(Date.now() + 3_600_000)
  utimesSync(join(project.root, 'package-lock.json'), later, later)
  await project.run(['-v'])
  t.equal(project.npmCalls().length, 1, 'touched')
  project.lock('1.0.1')
  const { stderr } = await project.run(['-v'])
  t.match(stderr, /node_modules is out of date/)
  t.equal(project.npmCalls().length, 2, 'changed')
})

t.test('an installation that was broken off is done again', async (t) => {
  const project = new FakeProject(t)
  await project.run(['-v'])
  rmSync(join(project.root, 'node_modules', '.package-lock.json'))
  t.equal((await project.run(['-v'])).code, 0)
  t.equal(project.npmCalls().length, 2)
})

t.test('two first runs at once install once', async (t) => {
  const project = new FakeProject(t)
  const endings = await Promise.all([project.run(['-p', '1']), project.run(['-p', '2'])])
  t.strictSame(
    endings.map(({ code, stdout }) => [code, stdout]),
    [
      [0, '1\n'],
      [0, '2\n'],
    ],
  )
  t.equal(project.npmCalls().length, 1)
})

t.test('a lock that a crash left behind holds nobody up', async (t) => {
  const project = new FakeProject(t)
  project.npm('kill -9 $PPID')
  t.equal((await project.run(['-v'])).signal, 'SIGKILL')
  project.npm('install')
  t.equal((await project.run(['-v'])).code, 0)
})

t.test('exit code, arguments, environment and folder pass through', async (t) => {
  const project = new FakeProject(t)
  const script = join(project.root, 'script.mjs')
  writeFileSync(
    script,
    'console.log(JSON.stringify([process.argv.slice(2), process.env.PATH, process.env.OWN])); process.exit(7)',
  )
  const { code, stdout } = await project.run([script, '--port', '7600', 'a b'], { OWN: 'kept' })
  t.equal(code, 7)
  const [args, path, own] = JSON.parse(stdout)
  t.strictSame(args, ['--port', '7600', 'a b'])
  t.equal(path.split(':')[0], join(project.root, 'node_modules', '.bin'))
  t.equal(own, 'kept')
})

t.test('a program that a signal ended ends us by the same signal', async (t) => {
  const project = new FakeProject(t)
  const { code, signal } = await project.run(['-e', "process.kill(process.pid, 'SIGKILL')"])
  t.equal(code, null)
  t.equal(signal, 'SIGKILL')
})

t.test('a signal reaches the program, whose own ending counts', async (t) => {
  const project = new FakeProject(t)
  const child = project.start([
    '-e',
    "process.on('SIGTERM', () => process.exit(5)); setInterval(() => {}, 1e6); console.log('up')",
  ])
  const ended = ending(child)
  await once(child.stdout ?? t, 'data')
  child.kill('SIGTERM')
  t.equal((await ended).code, 5)
})

t.test('one Ctrl-C that arrives from the terminal and from npm reaches the program once', async (t) => {
  const project = new FakeProject(t)
  const program = [
    'let interrupts = 0',
    "process.on('SIGINT', () => { interrupts += 1; console.log('interrupted') })",
    "process.on('SIGTERM', () => { console.log('interrupts: ' + interrupts); process.exit(0) })",
    'setInterval(() => {}, 1e6)',
    "console.log('up')",
  ].join('\n')
  const child = project.start(['-e', program])
  const ended = ending(child)
  await once(child.stdout ?? t, 'data')
  child.kill('SIGINT')
  child.kill('SIGINT')
  // Two signals that are sent at the same time may arrive in either order.
  await once(child.stdout ?? t, 'data')
  child.kill('SIGTERM')
  t.match((await ended).stdout, /interrupts: 1\n/)
})

const troubles: Array<[what: string, npm: string, said: RegExp]> = [
  ['no network', 'echo "npm error code EAI_AGAIN" >&2; exit 1', /could not reach its registry/],
  ['a full disk', 'echo "npm error code ENOSPC" >&2; exit 1', /no space left/],
  ['a folder of somebody else', 'echo "npm error code EACCES" >&2; exit 1', /may not write/],
  ['a lock file that lags behind', 'echo "npm error code EUSAGE" >&2; exit 1', /disagree/],
  ['a changed package', 'echo "npm error code EINTEGRITY" >&2; exit 1', /is not the one/],
  ['a private certificate authority', 'echo "SELF_SIGNED_CERT_IN_CHAIN" >&2; exit 1', /NODE_EXTRA_CA_CERTS/],
  ['something else', 'echo "npm error odd" >&2; exit 1', /npm ci failed/],
  ['install scripts that are not allowed', 'install\nrm node_modules/node/bin/node', /npm rebuild node/],
  ['an interruption', 'kill -TERM $PPID; exit 1', /was interrupted/],
]

for (const [what, npm, said] of troubles) {
  t.test(`${what} ends in a message with its remedy`, async (t) => {
    const project = new FakeProject(t)
    project.npm(npm)
    const { code, stdout, stderr } = await project.run(['-v'])
    t.equal(code, 1)
    t.equal(stdout, '')
    t.match(stderr, said)
    t.notMatch(stderr, /\n\s+at /, 'no stack trace')
  })
}

t.test("npm's own output is shown when it failed, without its pages of help", async (t) => {
  const project = new FakeProject(t)
  project.npm(
    'echo "npm error the reason" >&2; echo "npm error Usage:" >&2; echo "npm error help" >&2; exit 1',
  )
  const { stderr } = await project.run(['-v'])
  t.match(stderr, '  npm | npm error the reason\n')
  t.notMatch(stderr, 'help')
})

t.test('a machine without npm is told to install it', async (t) => {
  const project = new FakeProject(t)
  const { code, stderr } = await project.run(['-v'], { PATH: '/nonexistent' })
  t.equal(code, 1)
  t.match(stderr, /npm could not be started \(ENOENT\)/)
})

t.test('a pinned Node that cannot run here is explained', async (t) => {
  const project = new FakeProject(t)
  await project.run(['-v'])
  const binary = join(project.root, 'node_modules', 'node', 'bin', 'node')
  rmSync(binary)
  writeFileSync(binary, '#!/nonexistent/interpreter\n')
  chmodSync(binary, 0o755)
  const { code, stderr } = await project.run(['-v'])
  t.equal(code, 1)
  t.match(stderr, /cannot be run here \(ENOENT\)/)
})

t.test('the set-up imports nothing that plain Node does not have, and no TypeScript', async (t) => {
  const { importsOf } = await import('../support/imports/scan.ts')
  const scripts = join(import.meta.dirname, '..', '..', 'scripts')
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const { specifier = '?' } of importsOf(readFileSync(file, 'utf8'))) {
      t.match(specifier, /^(node:|\.\.?\/.*\.mjs$)/)
      if (specifier.startsWith('.')) visit(join(file, '..', specifier))
    }
  }
  visit(join(scripts, 'with-pinned-node.mjs'))
  t.ok(seen.size > 4)
})
