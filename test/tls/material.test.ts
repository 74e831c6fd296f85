import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readMaterial } from '../../src/tls/material.ts'
import type { TlsPlaces } from '../../src/tls/place.ts'
import { createAuthority } from '../support/certificates.ts'
import { folderOf } from '../support/process-sidecar.ts'
import { CertificateFiles } from './support.ts'

const authority = createAuthority()
const day = 24 * 60 * 60 * 1_000

async function refuses(t: Test, files: TlsPlaces, what: RegExp): Promise<void> {
  await t.rejects(
    readMaterial('api', files, Date.now()),
    { code: 'SIDEKEEP_CERTIFICATE_INVALID', message: what },
    String(what),
  )
}

t.test(
  'a certificate with its key, and the authorities of clients, is what TLS is served with',
  async (t) => {
    const pair = authority.issue()
    const files = new CertificateFiles(t, pair)
    const material = await readMaterial('api', files.mutual(authority.ca), Date.now())
    t.match(material, { ...pair, clientCa: authority.ca, warning: undefined })
    t.ok(Math.abs(material.expiresAt - Date.now() - day) < 60_000)
  },
)

t.test('the same content has the same digest, and other content another', async (t) => {
  const files = new CertificateFiles(t, authority.issue())
  const digest = async (tls: TlsPlaces): Promise<string> =>
    (await readMaterial('api', tls, Date.now())).digest
  const before = await digest(files.files)
  t.equal(await digest(files.files), before)
  t.not(await digest(files.mutual(authority.ca)), before)
  files.write(authority.issue())
  t.not(await digest(files.files), before)
})

t.test('each way in which the files are unfit is told with the file and a remedy', async (t) => {
  const files = new CertificateFiles(t, authority.issue())
  const { cert, key } = files.files
  const other = authority.issue()
  files.write({ key: other.key })
  await refuses(t, files.files, /the key in .*tls\.key is not that of the certificate in .*tls\.crt/)
  const locked = createPrivateKey(other.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'CANARY-passphrase',
  })
  files.write({ key: String(locked) })
  await refuses(t, files.files, /tls\.key holds no private key.*without a passphrase/s)
  files.write({ key: 'CANARY-no-key' })
  await refuses(t, files.files, /tls\.key holds no private key/)
  files.write({ cert: 'CANARY-no-certificate' })
  await refuses(t, files.files, /tls\.crt holds no certificate/)
  files.write({ cert: other.cert.replace(/.{20}\n-----END/, '-----END') })
  await refuses(t, files.files, /tls\.crt holds no certificate/)
  files.write(other)
  await refuses(t, files.mutual('CANARY-no-authority'), /ca\.crt holds no certificate/)
  unlinkSync(key)
  await refuses(t, files.files, /tls\.key cannot be read \(ENOENT\)\. Check api\.tls\.key/)
  await refuses(t, { cert: folderOf(t), key }, /cannot be read/)
  truncateSync(cert, 2_000_000)
  await refuses(t, files.files, /tls\.crt cannot be read \(too large, or no file\)/)
})

t.test('a named pipe in the place of a file is refused, and nobody waits for who writes to it', async (t) => {
  const { files } = new CertificateFiles(t, authority.issue())
  const pipe = join(folderOf(t), 'pipe')
  execFileSync('mkfifo', [pipe])
  const timer = setTimeout(() => execFileSync('sh', ['-c', ': > "$0"', pipe]), 5_000)
  t.teardown(() => clearTimeout(timer))
  const began = performance.now()
  await refuses(t, { ...files, key: pipe }, /pipe cannot be read/)
  t.ok(performance.now() - began < 4_000)
})

t.test('an error quotes nothing of a file', async (t) => {
  const files = new CertificateFiles(t, authority.issue())
  writeFileSync(files.files.key, '-----BEGIN PRIVATE KEY-----\nCANARY-key\n-----END PRIVATE KEY-----\n')
  const error: unknown = await readMaterial('api', files.files, Date.now()).catch((error: unknown) => error)
  t.ok(error instanceof Error)
  t.notMatch(error instanceof Error ? `${error.message} ${error.stack} ${String(error.cause)}` : '', 'CANARY')
})

t.test('a certificate whose time is over, or has not come, is served with a warning', async (t) => {
  const expired = new CertificateFiles(t, authority.issue({ expired: true }))
  t.match((await readMaterial('api', expired.files, Date.now())).warning, /its time was over on/)
  const early = new CertificateFiles(t, authority.issue())
  t.match((await readMaterial('api', early.files, Date.now() - 30 * day)).warning, /its time begins only on/)
})
