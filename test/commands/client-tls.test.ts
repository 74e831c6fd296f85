/** The commands that ask a sidecar over HTTPS: whom they believe, and what they say of the others. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority } from '../support/certificates.ts'
import { run } from '../support/process-child.ts'
import { folderOf } from '../support/process-sidecar.ts'
import { startFakeSidecar } from './support/fake-sidecar.ts'

const authority = createAuthority()
const folder = folderOf(t)
const ca = join(folder, 'ca.pem')
writeFileSync(ca, authority.ca)
const token = 'CANARY-tls-token-0123456789abcdef'

t.test('an authority that is named is believed, by option or variable, and gets the token', async (t) => {
  const { port, asked } = await startFakeSidecar(t, { tls: authority.issue() })
  const api = `https://127.0.0.1:${port}`
  const env = { SIDEKEEP_API_TOKEN: token }
  t.match(await run(t, ['list', '--api', api, '--ca', ca], { env }), { code: 0, stderr: '' })
  t.match(await run(t, ['probe', '--api', api, '--ca', ca]), { code: 0 })
  t.match(await run(t, ['wait', '--api', `https://localhost:${port}/`], { env: { SIDEKEEP_API_CA: ca } }), {
    code: 0,
    stderr: '',
  })
  t.strictSame(
    asked.map(({ authorization }) => authorization),
    [`Bearer ${token}`, undefined, undefined],
  )
})

t.test('whoever cannot be believed gets nothing, and it is told why', async (t) => {
  const stranger = createAuthority('A stranger').issue()
  const cases: [FakeTls, string[], string][] = [
    [authority.issue(), [], 'its certificate is of no authority that is trusted here: name it with --ca'],
    [stranger, ['--ca', ca], 'its certificate is of no authority that is trusted here: name it with --ca'],
    [authority.issue({ expired: true }), ['--ca', ca], 'its certificate has expired (CERT_HAS_EXPIRED)'],
    [authority.issue({ names: ['other.test'] }), ['--ca', ca], 'its certificate is for another host name'],
    [
      { ...authority.issue(), ca: authority.ca, requestCert: true, rejectUnauthorized: true },
      ['--ca', ca],
      'it wants a client certificate',
    ],
  ]
  for (const [tls, args, told] of cases) {
    const { port, asked } = await startFakeSidecar(t, { tls })
    const api = `https://127.0.0.1:${port}`
    const { code, stdout, stderr } = await run(t, ['list', '--api', api, ...args], {
      env: { SIDEKEEP_API_TOKEN: token },
    })
    t.match({ code, stdout }, { code: 69, stdout: '' })
    t.match(stderr, `No sidecar answers at ${api}: ${told}`)
    t.match(stderr, /\(SIDEKEEP_UNREACHABLE\)$/m)
    t.notMatch(stderr, 'CANARY-')
    t.strictSame(asked, [], 'no request was made')
  }
})

interface FakeTls {
  readonly cert: string
  readonly key: string
  readonly ca?: string
  readonly requestCert?: boolean
  readonly rejectUnauthorized?: boolean
}

t.test('HTTPS with a listener that speaks plain HTTP is told for what it is', async (t) => {
  const { port } = await startFakeSidecar(t)
  t.match(await run(t, ['list', '--api', `https://127.0.0.1:${port}`, '--ca', ca]), {
    code: 69,
    stderr: /whoever listens there speaks another protocol than HTTPS \(EPROTO\)/,
  })
})

t.test('an authority that is none is refused: else it would be passed over', async (t) => {
  const wrong = join(folder, 'wrong.pem')
  writeFileSync(wrong, authority.issue().key.replace(/[A-Za-z0-9+/]{20}/, 'CANARY-private-key+AA'))
  const list = ['list', '--api', 'https://127.0.0.1:9']
  t.match(await run(t, [...list, '--ca', wrong]), {
    code: 78,
    stderr: `sidekeep: ${wrong} holds no certificate in PEM. (SIDEKEEP_USAGE)\n`,
  })
  t.match(await run(t, [...list, '--ca', '/nowhere/ca.pem']), {
    code: 78,
    stderr: /file \/nowhere\/ca\.pem cannot be read \(ENOENT\)/,
  })
  t.match(await run(t, ['list', '--api', 'http://127.0.0.1:9', '--ca', ca]), {
    code: 78,
    stderr: /--ca is for https addresses, and http:\/\/127\.0\.0\.1:9 is none/,
  })
  t.match(await run(t, ['list', '--api', 'http://127.0.0.1:9'], { env: { SIDEKEEP_API_CA: ca } }), {
    code: 69,
    stderr: /ECONNREFUSED/,
  })
})
