import type { ServerOptions } from 'node:https'
import type { FastifyInstance } from 'fastify'
import type { Access } from '../access/access.ts'
import type { CallersOptions } from '../access/callers.ts'
import { Callers } from '../access/callers.ts'
import { formatListen } from '../config/listen.ts'
import type { Certificates, CertificatesOptions } from '../tls/certificates.ts'
import type { TlsFiles } from '../tls/material.ts'
import type { Door } from './doors.ts'
import type { Served } from './listener.ts'
import type { Prepared } from './prepared.ts'

/** A server of the API, which can go on behind its address with another configuration. */
export interface ServedApi extends Served {
  /**
   * Makes ready for what the configuration says of it now. The address and the protocol stay.
   *
   * @throws SIDEKEEP_CERTIFICATE_INVALID
   */
  prepare(door: Door): Promise<Prepared>
}

export interface ServedApiOptions {
  /** Makes the server itself. */
  readonly create: (access: Access, tls: ServerOptions | undefined) => FastifyInstance
  readonly callers: Omit<CallersOptions, 'listener'>
  readonly tls: () => Omit<CertificatesOptions, 'name' | 'address'>
}

/**
 * Makes a server for one address of the API, with its callers and its certificate.
 *
 * @throws SIDEKEEP_CERTIFICATE_INVALID
 */
export async function serveApi(door: Door, options: ServedApiOptions): Promise<ServedApi> {
  const { name, listen } = door.place
  const listener = formatListen(listen)
  const certificates =
    door.tls && (await readCertificates(door.tls, { ...options.tls(), name, address: listener }))
  const callers = await Callers.create(door.access, { ...options.callers, listener })
  const app = options.create(callers, certificates?.serverOptions)
  certificates?.serve(app.server)
  return {
    app,
    async prepare({ access, tls }) {
      await using undo = new AsyncDisposableStack()
      // What can fail first: then there is nothing to take back of the other.
      const material = tls && (await certificates?.prepare(tls))
      const prepared = await callers.prepare(access)
      undo.defer(() => prepared.abandon())
      const undone = undo.move()
      return {
        commit() {
          material?.commit()
          prepared.commit()
        },
        abandon: () => undone.disposeAsync(),
      }
    },
    async close() {
      try {
        await app.close()
      } finally {
        callers.close()
        certificates?.close()
      }
    },
  }
}

/** What TLS costs at the start is there only where the configuration wants it. */
async function readCertificates(files: TlsFiles, options: CertificatesOptions): Promise<Certificates> {
  const { Certificates } = await import('../tls/certificates.ts')
  return await Certificates.read(files, options)
}
