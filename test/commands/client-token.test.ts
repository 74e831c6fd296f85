/** The token of the commands that ask a sidecar: where it comes from, and where it does not go. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { canaryGuard } from '../support/canary.ts'
import { startChild } from '../support/process-child.ts'
import { folderOf } from '../support/process-sidecar.ts'
import { startFakeSidecar } from './support/fake-sidecar.ts'

const token = 'CANARY-file-token-0123456789abcdef'
const other = 'CANARY-variable-token-0123456789abcdef'

function fileOf(t: Test, text: string): string {
  const path = join(folderOf(t), 'token')
  writeFileSync(path, text)
  return path
}

/** Runs a command whose output may not show a token. */
async function run(t: Test, args: readonly string[], env: Record<string, string> = {}) {
  const guard = canaryGuard(t)
  const child = startChild(t, args, { env })
  guard.watchChild(args.join(' '), child.process)
  return await child.ended()
}

t.test('it comes from --token-file, else from the variables', async (t) => {
  const { port, asked } = await startFakeSidecar(t)
  const api = `http://127.0.0.1:${port}`
  const path = fileOf(t, `${token}\n`)
  const cases: [string[], Record<string, string>, string | undefined][] = [
    [['--token-file', path], {}, token],
    [['--token-file', path], { SIDEKEEP_API_TOKEN: other }, token],
    [[], { SIDEKEEP_API_TOKEN_FILE: path }, token],
    [[], { SIDEKEEP_API_TOKEN: other }, other],
    [[], { SIDEKEEP_API_TOKEN: '', SIDEKEEP_API_TOKEN_FILE: '' }, undefined],
    [[], { SIDEKEEP_TOKEN_FILE: path, AUTH_TOKEN: other }, undefined],
  ]
  for (const [args, env, expected] of cases) {
    t.match(await run(t, ['list', '--api', api, ...args], env), { code: 0, stderr: '' })
    const { authorization } = asked.at(-1) ?? {}
    t.equal(authorization, expected && `Bearer ${expected}`)
  }
})

t.test('get, list and explain show it; wait and probe ask for health, which needs none', async (t) => {
  const { port, asked } = await startFakeSidecar(t)
  const env = { SIDEKEEP_API: `http://127.0.0.1:${port}`, SIDEKEEP_API_TOKEN: token }
  for (const args of [['get', 'a'], ['list'], ['explain', 'a', '--json']]) {
    t.equal((await run(t, args, env)).code, 0)
    t.match(asked.pop(), { authorization: `Bearer ${token}`, 'x-sidekeep-request': 'true' }, args.join(' '))
  }
  const unreadable = { ...env, SIDEKEEP_API_TOKEN: '', SIDEKEEP_API_TOKEN_FILE: '/nowhere/token' }
  for (const args of [['wait'], ['probe']]) {
    t.equal((await run(t, args, unreadable)).code, 0)
    t.equal(asked.pop()?.authorization, undefined, args.join(' '))
  }
})

t.test('what cannot be used is told by its place', async (t) => {
  const { port, asked } = await startFakeSidecar(t)
  const list = ['list', '--api', `http://127.0.0.1:${port}`]
  t.match(await run(t, [...list, '--token-file', '/nowhere/token']), {
    code: 78,
    stderr:
      /^sidekeep: file \/nowhere\/token cannot be read \(ENOENT\)\. .*\(SIDEKEEP_CREDENTIAL_UNREADABLE\)$/m,
  })
  const path = fileOf(t, `${token}\r\nX-Other: CANARY-header\n`)
  t.match(await run(t, [...list, '--token-file', path]), {
    code: 78,
    stderr: /holds a character that an HTTP header cannot carry/,
  })
  t.match(await run(t, list, { SIDEKEEP_API_TOKEN: token, SIDEKEEP_API_TOKEN_FILE: path }), {
    code: 78,
    stderr: /SIDEKEEP_API_TOKEN_FILE and SIDEKEEP_API_TOKEN are both set: expected one place for the token/,
  })
  t.strictSame(asked, [], 'nobody was asked')
})

t.test('it is never sent unencrypted to another machine', async (t) => {
  const env = { SIDEKEEP_API_TOKEN: token }
  for (const api of ['http://192.0.2.1:7575', 'http://secrets.test', 'http://[2001:db8::1]:7575']) {
    t.match(await run(t, ['list', '--api', api], env), {
      code: 78,
      stderr: `sidekeep: A token is not sent to ${api}, where it would travel unencrypted`,
    })
  }
})

t.test('not being let in is exit code 77, with what to do', async (t) => {
  const cases = [
    { status: 401, code: 'SIDEKEEP_TOKEN_REQUIRED', detail: 'Send a token.' },
    { status: 401, code: 'SIDEKEEP_TOKEN_INVALID', detail: 'The token is none.' },
    { status: 403, code: 'SIDEKEEP_NOT_ALLOWED', detail: 'It is not allowed.' },
  ]
  for (const answer of cases) {
    const { port } = await startFakeSidecar(t, { answer })
    const api = ['--api', `http://127.0.0.1:${port}`]
    const hint = answer.code === 'SIDEKEEP_TOKEN_REQUIRED' ? ' Name its file with --token-file PATH.' : ''
    for (const args of [['get', 'a'], ['list'], ['explain', 'a']]) {
      t.match(await run(t, [...args, ...api]), {
        code: 77,
        stdout: '',
        stderr: `sidekeep: ${answer.detail}${hint} (${answer.code})\n`,
      })
    }
  }
})
