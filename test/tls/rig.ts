import { once } from 'node:events'
import { connect } from 'node:tls'
import Fastify from 'fastify'
import type { Test } from 'tap'
import { Certificates } from '../../src/tls/certificates.ts'
import type { TlsPlaces, TlsSecrets } from '../../src/tls/place.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

export interface Rig {
  readonly certificates: Certificates
  readonly clock: VirtualClock
  readonly address: string
  readonly port: number
  /** What was logged and counted, in order. */
  readonly story: string[]
  readonly expiries: Map<string, number | undefined>
  /** The serial number of the certificate that a newcomer meets. */
  serial(): Promise<string>
  /** Looks at the files as when a change was reported, and again where the first look is not enough. */
  look(): Promise<void>
}

export interface RigOptions {
  /** Whose certificates the clients of `serial` trust. */
  readonly ca: string
  readonly secrets?: TlsSecrets
}

/** A server on loopback that serves with certificates. */
export async function rigOf(t: Test, places: TlsPlaces, { ca, secrets }: RigOptions): Promise<Rig> {
  const clock = new VirtualClock(Date.now())
  const story: string[] = []
  const expiries = new Map<string, number | undefined>()
  const tell = (_details: object, message: string): void => void story.push(message)
  const certificates = await Certificates.read(places, {
    name: 'api',
    address: '127.0.0.1:0',
    clock,
    log: { info: tell, warn: tell, error: tell },
    observer: {
      reloaded: (outcome) => story.push(outcome),
      handshakeFailed: () => story.push('handshake failed'),
      expires: (_by, listener, at) => expiries.set(listener, at),
    },
    ...(secrets && { secrets }),
    onFit: () => story.push('fit'),
  })
  const app = Fastify({ https: certificates.serverOptions })
  app.get('/', () => 'here')
  certificates.serve(app.server)
  t.teardown(async () => {
    certificates.close()
    await app.close()
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    certificates,
    clock,
    address,
    port: Number(new URL(address).port),
    story,
    expiries,
    serial: () => serialAt(Number(new URL(address).port), ca),
    async look() {
      let isOver = false
      const looking = certificates.look().finally(() => {
        isOver = true
      })
      await eventually('the look, or its second', () => isOver || (clock.next ?? Infinity) <= 2_000)
      while (!isOver) {
        await clock.advance(2_000)
        await eventually('the next step', () => isOver || (clock.next ?? Infinity) <= 2_000)
      }
      await looking
    },
  }
}

async function serialAt(port: number, ca: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', ca })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  // In order: to leave at once may be before the server has heard the end of the handshake.
  socket.resume().end()
  await once(socket, 'close')
  return serialNumber
}
