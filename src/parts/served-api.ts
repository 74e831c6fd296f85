import type { ServerOptions } from 'node:https'
import type { FastifyInstance } from 'fastify'
import type { Access } from '../access/access.ts'
import type { CallersOptions } from '../access/callers.ts'
import { Callers } from '../access/callers.ts'
import { formatListen } from '../config/listen.ts'
import type { CertificatesMaker } from './certificates.ts'
import { readCertificates } from './certificates.ts'
import type { Door } from './doors.ts'
import type { Served } from './listener.ts'
import type { Prepared } from './prepared.ts'
import { prepareAll } from './prepared.ts'

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
  readonly tls: CertificatesMaker
}

/**
 * Makes a server for one address of the API, with its callers and its certificate.
 *
 * @throws SIDEKEEP_CERTIFICATE_INVALID
 */
export async function serveApi(door: Door, options: ServedApiOptions): Promise<ServedApi> {
  const listener = formatListen(door.place.listen)
  const certificates = await readCertificates(door.tls, door.place, options.tls)
  const callers = await Callers.create(door.access, { ...options.callers, listener })
  const app = options.create(callers, certificates?.serverOptions)
  certificates?.serve(app.server)
  return {
    app,
    // What can fail first: then there is nothing to take back of the other.
    prepare: ({ access, tls }) =>
      prepareAll(
        async () => tls && (await certificates?.prepare(tls)),
        () => callers.prepare(access),
      ),
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
