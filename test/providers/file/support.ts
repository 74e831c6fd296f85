import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { FileProviderConfig } from '../../../src/config/schema.ts'
import { createProvider } from '../../../src/providers/registry.ts'
import type { Provider, ProviderContext } from '../../../src/secrets/provider.ts'
import { context, type Secrets } from '../conformance.ts'

/** A provider for `path` with the defaults of the configuration. */
export function fileProvider(
  t: Test,
  path: string,
  more: Partial<FileProviderConfig> = {},
  around: Partial<ProviderContext> = {},
): Promise<Provider> {
  const defaults = { format: 'auto', poll: 1000, maxBody: 1024 * 1024, maxSecrets: 10_000 } as const
  return createProvider({ type: 'file', path, ...defaults, ...more }, context(t, around))
}

/** A Kubernetes mount: the files in a directory of their own, `..data` a link to it, and a link for each name. */
export class Mount {
  readonly path: string
  #generation = 0

  constructor(path: string, secrets: Secrets) {
    this.path = path
    this.swap(secrets)
  }

  /** Replaces all files at once, in the kubelet's order. */
  swap(secrets: Secrets): void {
    const old = `..generation_${this.#generation}`
    const next = `..generation_${++this.#generation}`
    mkdirSync(join(this.path, next))
    for (const [name, value] of secrets) writeFileSync(join(this.path, next, name), value)
    symlinkSync(next, join(this.path, '..data_tmp'))
    renameSync(join(this.path, '..data_tmp'), join(this.path, '..data'))
    for (const name of secrets.keys()) {
      rmSync(join(this.path, name), { force: true })
      symlinkSync(join('..data', name), join(this.path, name))
    }
    rmSync(join(this.path, old), { recursive: true, force: true })
  }
}

/** A directory that every user can reach, which one below a home directory need not be. */
export function publicDirectory(t: Test, files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'sidekeep-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  chmodSync(path, 0o755)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return path
}

/** Gives up root, where the tests run as root, whom no mode keeps out; the answer takes it up again. */
export function asNobody(): () => void {
  if (process.getuid?.() !== 0 || process.seteuid === undefined) return () => {}
  const nobody = 65534
  process.seteuid(nobody)
  return () => process.seteuid?.(0)
}

/** The provider as it is for a user whom file modes keep out. */
export function unprivileged(provider: Provider): Provider {
  const fetchAll = provider.fetchAll?.bind(provider)
  const without = async <T>(fetching: () => Promise<T>): Promise<T> => {
    const restore = asNobody()
    try {
      return await fetching()
    } finally {
      restore()
    }
  }
  return {
    fetch: (keys, signal) => without(() => provider.fetch(keys, signal)),
    ...(fetchAll === undefined ? {} : { fetchAll: (signal) => without(() => fetchAll(signal)) }),
  }
}
