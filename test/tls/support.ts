import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { TlsFiles } from '../../src/tls/material.ts'
import type { ServerCertificate } from '../support/certificates.ts'
import { folderOf } from '../support/process-sidecar.ts'

/** Files of a certificate, which a test can replace. */
export class CertificateFiles {
  readonly files: { readonly cert: string; readonly key: string }
  readonly clientCa: string

  constructor(t: Test, pair: ServerCertificate) {
    const folder = folderOf(t)
    this.files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
    this.clientCa = join(folder, 'ca.crt')
    this.write(pair)
  }

  write({ cert, key }: Partial<ServerCertificate>): void {
    if (cert !== undefined) writeFileSync(this.files.cert, cert)
    if (key !== undefined) writeFileSync(this.files.key, key)
  }

  /** With client certificates of an authority. */
  mutual(ca: string): TlsFiles {
    writeFileSync(this.clientCa, ca)
    return { ...this.files, clientCa: this.clientCa }
  }
}
