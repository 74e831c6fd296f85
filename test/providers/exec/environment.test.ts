import { once } from 'node:events'
import { chmodSync, closeSync, openSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ExecProviderConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { execProvider } from './support.ts'

const own: NodeJS.ProcessEnv = {
  HOME: '/home/own',
  AWS_PROFILE: 'CANARY-own',
  LD_PRELOAD: '/evil.so',
  PATH: '/own/bin',
}

/** What tap adds to the environment of every process that a test starts. */
const ofTap = /^(?:_TAPJS_|NODE_OPTIONS=)/

/** The environment of the program, by name. */
async function environment(t: Test, more: Partial<ExecProviderConfig>, ours = own): Promise<object> {
  const provider = execProvider(t, ['/usr/bin/env', '-0', 'KEY={key}'], more, {}, ours)
  const printed = text((await provider.fetch(['key'], signal())).get('key')) ?? ''
  const lines = printed.split('\0').filter((line) => line !== '' && !ofTap.test(line))
  const { KEY, ...rest } = Object.fromEntries(
    lines.map((line) => [line.split('=')[0], line.replace(/^.*?=/s, '')]),
  )
  t.equal(KEY, 'key')
  return rest
}

t.test('the program gets a clean environment, and what the configuration adds', async (t) => {
  const clean = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/home/own',
    LANG: 'C.UTF-8',
  }
  t.strictSame(await environment(t, {}), clean)
  t.match(await environment(t, {}, {}), { HOME: '/' })

  const path = join(t.testdir({}), 'key')
  writeFileSync(path, 'CANARY-line-1\nCANARY-line-2\n')
  const env = {
    TOKEN: new StringSource({ file: path }, 'text'),
    LANG: new StringSource('de_DE.UTF-8', 'text'),
  }
  const passEnv = ['AWS_PROFILE', 'NOT_SET', 'constructor']
  t.strictSame(await environment(t, { env, passEnv }), {
    ...clean,
    LANG: 'de_DE.UTF-8',
    AWS_PROFILE: 'CANARY-own',
    TOKEN: 'CANARY-line-1\nCANARY-line-2',
  })
  writeFileSync(path, 'CANARY-rotated')
  t.match(await environment(t, { env }), { TOKEN: 'CANARY-rotated' })
})

t.test('a program without a slash is looked up in the PATH that it gets', async (t) => {
  const path = t.testdir({ program: '#!/bin/sh\necho found\n' })
  chmodSync(join(path, 'program'), 0o755)
  const env = { PATH: new StringSource(`/nowhere:${path}`, 'text') }
  const provider = execProvider(t, ['program', '{key}'], { env })
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'found')
})

t.test('it is run in the working directory, with nothing on its standard input', async (t) => {
  const workingDirectory = t.testdir({})
  const command = ['/bin/sh', '-c', 'pwd; wc -c', 'sh', '{key}']
  const provider = execProvider(t, command, { workingDirectory })
  const [directory, bytes] = text((await provider.fetch(['key'], signal())).get('key'))?.split('\n') ?? []
  t.equal(directory, workingDirectory)
  t.equal(bytes?.trim(), '0')
})

t.test(
  'it inherits no socket or file of ours, and is the first of a session of its own',
  { skip: process.platform !== 'linux' && 'only Linux has /proc' },
  async (t) => {
    const before = openNow()
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const file = openSync(join(t.testdir({ file: '' }), 'file'), 'r')
    t.teardown(() => {
      server.close()
      closeSync(file)
    })
    const ours = openNow().filter((link) => !before.includes(link))
    t.ok(ours.length >= 2, 'there is something that could be inherited')
    const command = ['/bin/sh', '-c', 'cut -d " " -f 1,5,6 /proc/$$/stat; ls -l /proc/$$/fd', 'sh', '{key}']
    const printed = text((await execProvider(t, command).fetch(['key'], signal())).get('key')) ?? ''
    t.strictSame(
      ours.filter((link) => printed.includes(link)),
      [],
    )
    const [pid, group, session] = printed.split('\n')[0]?.split(' ') ?? []
    t.ok(pid !== undefined && pid === group && pid === session)
  },
)

/** What the descriptors of this process refer to. */
function openNow(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      // That of the look itself.
      return []
    }
  })
}

t.test('a variable that cannot be read is a credential that is missing, and nothing is run', async (t) => {
  const missing = { TOKEN: new StringSource({ env: 'CANARY_NOT_SET' }, 'text', {}) }
  const error = await failureOf(
    execProvider(t, ['/bin/echo', '{key}'], { env: missing }).fetch(['key'], signal()),
  )
  t.match(error, { kind: 'unavailable', reason: 'credential' })
  t.match(error.message, /env\.TOKEN: env CANARY_NOT_SET is not set/)

  const nul = { TOKEN: new StringSource('CANARY-\0-nul', 'text') }
  const refused = await failureOf(
    execProvider(t, ['/bin/echo', '{key}'], { env: nul }).fetch(['key'], signal()),
  )
  t.match(refused, { kind: 'unavailable', reason: 'credential' })
  leaksNothing(t, refused)
})
