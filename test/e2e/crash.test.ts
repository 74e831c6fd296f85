import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { run, startChild } from '../support/process-child.ts'
import { configFile, folderOf, launchSidecar, simpleConfig, token } from '../support/process-sidecar.ts'

const crashes = {
  'an exception that nobody catches': `setTimeout(() => { throw error() })`,
  'a rejection that nobody handles': `void Promise.reject(error())`,
  'a rejection with something that is no error': `void Promise.reject('CANARY-text')`,
  'an exception with an object': `setTimeout(() => { throw { value: 'CANARY-object' } })`,
} as const

for (const [what, crash] of Object.entries(crashes)) {
  t.test(`${what} ends it with exit code 1 and without a foreign message`, async (t) => {
    const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
    const preload = join(folderOf(t), 'preload.mjs')
    // What a library could do to us: an error that quotes what it was given, in every place that is printed.
    writeFileSync(
      preload,
      `function error() {
        const cause = new Error('CANARY-cause')
        const error = new TypeError('cannot parse\\n    at CANARY-message (CANARY-place:1:1)', { cause })
        return Object.assign(error, { code: 'ERR_LIBRARY', input: 'CANARY-input', errors: [cause] })
      }
      process.on('SIGUSR2', () => { ${crash} })`,
    )
    const sidecar = launchSidecar(t, ['--config', configFile(t, simpleConfig(backend.url))], {
      env: { AUTH_TOKEN: token },
      nodeArgs: ['--import', preload],
    })
    await sidecar.says('ready: all required secrets are held')
    sidecar.child.signal('SIGUSR2')
    const { code, signal, stderr } = await sidecar.child.ended()
    t.match({ code, signal }, { code: 1, signal: null })
    t.match(stderr, /^sidekeep: /)
    canaryGuard(t).noLeak('the crash report', stderr)
    if (crash.includes('error()')) {
      t.match(stderr, 'sidekeep: TypeError ERR_LIBRARY\n', 'the kind of the error is told')
      t.match(stderr, /^ +at .*preload\.mjs:/m, 'and its place')
    }
  })
}

t.test('an error that may be quoted is quoted without a value that is held', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const preload = join(folderOf(t), 'preload.mjs')
  // As an error of the operating system looks, which names a path or an address, and here a value in it.
  writeFileSync(
    preload,
    `process.on('SIGUSR2', () => {
      throw Object.assign(new Error('ENOENT: /run/CANARY-db-password?' + encodeURIComponent('CANARY-db-password')), {
        code: 'ENOENT', syscall: 'open',
      })
    })`,
  )
  const child = startChild(t, ['run', '--config', configFile(t, simpleConfig(backend.url))], {
    env: { AUTH_TOKEN: token },
    nodeArgs: ['--import', preload],
  })
  await eventually('readiness', () => child.stdout.includes('ready: all required secrets are held'))
  child.signal('SIGUSR2')
  const { code, stderr } = await child.ended()
  t.equal(code, 1)
  t.match(stderr, 'sidekeep: ENOENT: /run/[redacted db-password]?[redacted db-password]\n')
  t.notMatch(stderr, 'CANARY')
})

t.test('an error while the configuration is read prints no foreign message either', async (t) => {
  const preload = join(folderOf(t), 'preload.mjs')
  writeFileSync(
    preload,
    `import fs from 'node:fs/promises'
    import { syncBuiltinESMExports } from 'node:module'
    fs.open = async () => ({ stat() { throw new SyntaxError('CANARY-quoted') }, async [Symbol.asyncDispose]() {} })
    syncBuiltinESMExports()`,
  )
  const { code, stdout, stderr } = await run(t, ['check', '--config', 'any.yaml'], {
    nodeArgs: ['--import', preload],
  })
  t.equal(code, 78)
  t.equal(stdout, '')
  canaryGuard(t).noLeak('the error', stderr)
})
