import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ProxyObserver } from './observer.ts'

export interface TunnelOptions {
  /** Milliseconds for which both sides may be silent. */
  readonly idle: number
  readonly observer: Pick<ProxyObserver, 'received' | 'sent'>
}

/** What a client and the application say to each other after an upgrade: bytes, whatever they mean. */
export class Tunnel {
  readonly #client: Socket
  readonly #application: Duplex

  /** @param over called once, when neither side is left */
  constructor(client: Socket, application: Duplex, { idle, observer }: TunnelOptions, over: () => void) {
    this.#client = client
    this.#application = application
    // Whatever moves in either direction moves on the client's side.
    client.setTimeout(idle, () => this.destroy())
    if (application instanceof Socket) application.setTimeout(0)
    // As the client's is: who has said all may still be told something.
    application.allowHalfOpen = true
    relay(client, application, (bytes) => observer.received(bytes))
    relay(application, client, (bytes) => observer.sent(bytes))
    let open = 2
    const closes = (other: Duplex) => (hadError: unknown) => {
      open -= 1
      // One that has been told that nothing more comes still takes what is on its way to it.
      if (hadError === true || !other.writableEnded) other.destroy()
      if (open === 0) over()
    }
    client.once('close', closes(application))
    application.once('close', closes(client))
  }

  destroy(): void {
    this.#client.destroy()
    this.#application.destroy()
  }
}

/** Passes on what one side says, as fast as the other takes it, and that it has said all. */
function relay(from: Duplex, to: Duplex, count: (bytes: number) => void): void {
  from.on('data', (chunk: Buffer) => {
    count(chunk.length)
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
  // A side that breaks is closed then, and the other with it.
  from.on('error', () => {})
  from.resume()
}
