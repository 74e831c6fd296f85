/** The commands and a sidecar that has callers: what a token made by `sidekeep token` opens, and what it does not. */
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { run } from '../support/process-child.ts'
import { folderOf, simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

t.test('a token that was made opens what its caller may know, and nothing else', async (t) => {
  const folder = folderOf(t)
  const [web, job] = [join(folder, 'web.token'), join(folder, 'job.token')]
  for (const path of [web, job]) t.match(await run(t, ['token', '--file', path]), { code: 0 })
  const backend = await startBackend(t, {
    token,
    secrets: [
      ['db-password', 'CANARY-db-password'],
      ['other', 'CANARY-other'],
    ],
  })
  const secret = { provider: 'platform', required: true }
  const sidecar = await startReadySidecar(t, {
    config: simpleConfig(backend.url, {
      api: {
        listen: '127.0.0.1:0',
        callers: {
          web: { tokens: [{ file: web }], allow: ['db-*'] },
          job: { tokens: [{ file: job }], allow: ['*'], rights: ['list'] },
        },
      },
      secrets: { 'db-password': secret, other: secret },
    }),
  })
  const ask = (args: readonly string[], file?: string) =>
    run(t, [...args, '--api', sidecar.api, ...(file === undefined ? [] : ['--token-file', file])])

  t.match(await ask(['get', 'db-password', '--raw'], web), { code: 0, stdout: 'CANARY-db-password' })
  const listed = await ask(['list'], web)
  t.match(listed, { code: 0, stdout: /^db-password/m })
  t.notMatch(listed.stdout, /^other/m)
  t.match(await ask(['list'], job), { code: 0, stdout: /^other/m })

  const refused = await Promise.all([
    ask(['get', 'other'], web),
    ask(['explain', 'nowhere'], web),
    ask(['get', 'db-password'], job),
  ])
  for (const answer of refused) {
    t.match(answer, { code: 77, stdout: '', stderr: /\(SIDEKEEP_NOT_ALLOWED\)$/m })
  }
  t.match(await ask(['get', 'db-password']), {
    code: 77,
    stdout: '',
    stderr: /Name its file with --token-file PATH\. \(SIDEKEEP_TOKEN_REQUIRED\)$/m,
  })
  const stranger = join(folder, 'stranger.token')
  t.match(await run(t, ['token', '--file', stranger]), { code: 0 })
  t.match(await ask(['list'], stranger), { code: 77, stderr: /\(SIDEKEEP_TOKEN_INVALID\)$/m })
  t.match(await ask(['probe']), { code: 0 }, 'health is for everybody')
  t.match(await ask(['wait']), { code: 0 })
})

t.test('quit ends the sidecar for whoever has the right', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const file = join(folderOf(t), 'job.token')
  t.match(await run(t, ['token', '--file', file]), { code: 0 })
  const callers = { job: { tokens: [{ file }], allow: ['*'], rights: ['control'] } }
  const api = { listen: '127.0.0.1:0', callers }
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url, { api }) })
  t.match(await run(t, ['quit', '--api', sidecar.api]), { code: 77, stderr: /SIDEKEEP_TOKEN_REQUIRED/ })
  t.match(await run(t, ['quit', '--api', sidecar.api, '--token-file', file]), { code: 0, stderr: '' })
  t.match(await sidecar.child.ended(), { code: 0 })
})
