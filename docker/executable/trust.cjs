/**
 * Whose certificates the image trusts: the authorities in `/etc/ssl/certs`, as the system has them, and those of
 * `NODE_EXTRA_CA_CERTS`; Node's own list only where there are none. A cluster mounts its own there, beside Debian's or in
 * their place.
 *
 * Node has an option for that (`--use-system-ca`), under which it reads them at every start, as it begins, for programs too
 * that never open a connection with TLS; and with which an option of the same kind in `NODE_OPTIONS` does not go together.
 * Here they are read when the first such connection is made.
 */
'use strict'

const tls = require('node:tls')

exports.trustSystem = () => {
  const create = tls.createSecureContext
  // All connections with TLS come through here: Node's own, undici's and those that the program makes a context for.
  tls.createSecureContext = (...options) => {
    tls.createSecureContext = create
    const system = tls.getCACertificates('system')
    if (system.length > 0) {
      tls.setDefaultCACertificates([...new Set([...system, ...tls.getCACertificates('extra')])])
    }
    return create(...options)
  }
}
