import { formatListen } from '../config/listen.ts'
import type { ListenerPlace } from '../listener/open.ts'
import type { Certificates, CertificatesOptions } from '../tls/certificates.ts'
import type { TlsPlaces } from '../tls/place.ts'

/** What the certificates of a listener are made with, asked for only where there are any. */
export type CertificatesMaker = () => Omit<CertificatesOptions, 'name' | 'address'>

/**
 * The certificates of a listener that serves HTTPS. What TLS costs at the start is there only where the configuration
 * wants it.
 *
 * @throws SIDEKEEP_CERTIFICATE_INVALID
 */
export async function readCertificates(
  places: TlsPlaces | undefined,
  { name, listen }: ListenerPlace,
  make: CertificatesMaker,
): Promise<Certificates | undefined> {
  if (places === undefined) return undefined
  const { Certificates } = await import('../tls/certificates.ts')
  return await Certificates.read(places, { ...make(), name, address: formatListen(listen) })
}
