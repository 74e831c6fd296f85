import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { pickField } from '../../src/secrets/field.ts'
import type { TlsPlaces, TlsSecret, TlsSecrets } from '../../src/tls/place.ts'
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
  mutual(ca: string): TlsPlaces {
    writeFileSync(this.clientCa, ca)
    return { ...this.files, clientCa: this.clientCa }
  }
}

/** Secrets as the cache has them, which a test can rotate. */
export class HeldSecrets implements TlsSecrets {
  readonly #texts = new Map<string, string>()
  readonly #watchers = new Map<string, Set<() => void>>()

  /** How many watch a secret. */
  watchers(name: string): number {
    return this.#watchers.get(name)?.size ?? 0
  }

  /** @param value undefined: it is held no longer; an object: as JSON */
  set(name: string, value: string | object | undefined): void {
    if (value === undefined) this.#texts.delete(name)
    else this.#texts.set(name, typeof value === 'string' ? value : JSON.stringify(value))
    for (const changed of this.#watchers.get(name) ?? []) changed()
  }

  read({ secret, field }: TlsSecret): string | undefined {
    const text = this.#texts.get(secret)
    return text === undefined || field === undefined ? text : pickField(text, field)
  }

  watch({ secret }: TlsSecret, changed: () => void): () => void {
    const watchers = this.#watchers.get(secret) ?? new Set()
    const watcher = (): void => changed()
    this.#watchers.set(secret, watchers.add(watcher))
    return () => watchers.delete(watcher)
  }
}

/** Certificate and key as fields of one secret. */
export const inOneSecret: TlsPlaces = {
  cert: { secret: 'shared/tls', field: 'tls.crt' },
  key: { secret: 'shared/tls', field: 'tls.key' },
}

/** What that secret holds. */
export function asFields({ cert, key }: Partial<ServerCertificate>): object {
  return { 'tls.crt': cert, 'tls.key': key }
}
