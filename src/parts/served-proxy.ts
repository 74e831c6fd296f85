import type { ServerOptions } from 'node:https'
import type { ProxyConfig } from '../config/schema.ts'
import { CodedError } from '../errors.ts'
import type { Logger } from '../observability/log.ts'
import { ProxyCells } from '../observability/proxy-cells.ts'
import type { Clock } from '../secrets/clock.ts'
import { SecretValues } from '../secrets/values.ts'
import type { CertificatesMaker } from './certificates.ts'
import { readCertificates } from './certificates.ts'
import type { Heart } from './heart.ts'
import type { Listener, Served } from './listener.ts'
import { proxyPlace } from './places.ts'
import type { Prepared } from './prepared.ts'
import { prepareAll } from './prepared.ts'

/** The proxy, which can go on behind the same address with another configuration. */
export interface ServedProxy extends Served {
  /** Whether it may be opened: false while the certificate that it is to serve with is not there, or unfit. */
  fit(): Promise<boolean>
  /**
   * Makes ready for what the configuration says of it now. The address and the protocol stay.
   *
   * @throws SIDEKEEP_CERTIFICATE_INVALID
   */
  prepare(config: ProxyConfig): Promise<Prepared>
}

/** The room of the proxy, as far as it is used here. */
interface ProxyRoom {
  createProxy(deps: {
    readonly config: ProxyConfig
    readonly log: Logger
    readonly clock: Clock
    readonly observer: ProxyCells
    readonly values: SecretValues
    readonly tls?: ServerOptions
  }): Promise<Omit<ServedProxy, 'fit'>>
  readonly upstreamFailures: readonly string[]
  readonly storeFailures: readonly string[]
}

export interface ServedProxyOptions {
  /** The proxy and what it costs are there only where the configuration wants them. */
  readonly load: () => Promise<ProxyRoom>
  readonly heart: Heart
  readonly log: Logger
  readonly clock: Clock
  readonly tls: CertificatesMaker
  /** Called when there is a certificate for a proxy that lacked one: it may be opened now. */
  readonly onFit: () => void
}

/**
 * Makes the proxy with its certificate.
 *
 * @throws SIDEKEEP_CERTIFICATE_INVALID
 */
export async function serveProxy(
  config: ProxyConfig,
  { load, heart, log, clock, tls, onFit }: ServedProxyOptions,
): Promise<ServedProxy> {
  const values = new SecretValues(heart)
  const certificates = await readCertificates(config.tls, proxyPlace(config), () => ({
    ...tls(),
    secrets: values,
    onFit,
  }))
  const { createProxy, upstreamFailures, storeFailures } = await load()
  heart.metrics.proxy ??= new ProxyCells(config.limits, upstreamFailures, storeFailures)
  const observer = heart.metrics.proxy
  const secured = certificates && { tls: certificates.serverOptions }
  const proxy = await createProxy({ config, log, clock, observer, values, ...secured })
  certificates?.serve(proxy.app.server)
  return {
    app: proxy.app,
    fit: async () => (await certificates?.fit()) ?? true,
    prepare: (next) =>
      prepareAll(
        async () => next.tls && (await certificates?.prepare(next.tls)),
        () => proxy.prepare(next),
      ),
    async close(options) {
      try {
        await proxy.close(options)
      } finally {
        certificates?.close()
      }
    },
  }
}

/**
 * Whether a proxy may be opened in place of the former one: what serves is not given up for what cannot yet.
 *
 * @throws SIDEKEEP_CERTIFICATE_INVALID
 */
export async function mayTakeOver(
  former: Listener<ServedProxy> | undefined,
  server: ServedProxy,
): Promise<boolean> {
  if (await server.fit()) return true
  if (former?.bound === undefined) return false
  const what = 'the secret of its certificate is not held yet'
  const remedy = 'Declare the secret first, and move the proxy once it is held.'
  throw new CodedError('SIDEKEEP_CERTIFICATE_INVALID', ['proxy', what, remedy])
}
