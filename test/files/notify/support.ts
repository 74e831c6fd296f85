import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { type NotificationConfig, notification } from '../../../src/config/schema/notify.ts'
import { Notifier, type NotifyObserver } from '../../../src/files/notify/notifier.ts'
import type { Clock } from '../../../src/secrets/clock.ts'
import { systemClock } from '../../../src/secrets/clock.ts'

export type Told = Parameters<NotifyObserver['told']>[0]

/** As the configuration would give it. */
export function configured(written: object): NotificationConfig {
  return notification().parse(written)
}

export interface World {
  readonly notifier: Notifier
  readonly events: Told[]
  /** The event of this place in the order in which they come. */
  told(index: number): Promise<Told>
}

/** A notifier of `/shared/app.json`, closed when the test ends. */
export function world(
  t: Test,
  written: readonly object[],
  more: { clock?: Clock; debounceMs?: number; random?: () => number; env?: NodeJS.ProcessEnv } = {},
): World {
  const events: Told[] = []
  const waiting = new Set<() => void>()
  const observer: NotifyObserver = {
    told(event) {
      events.push(event)
      for (const wake of waiting) wake()
    },
  }
  const notifier = new Notifier({
    path: '/shared/app.json',
    notifications: written.map(configured),
    debounceMs: 0,
    clock: systemClock,
    random: () => 0.5,
    observer,
    env: { HOME: '/home/own', CANARY: 'CANARY-of-the-sidecar' },
    ...more,
  })
  t.teardown(() => notifier.close())
  return {
    notifier,
    events,
    async told(index) {
      for (;;) {
        const event = events[index]
        if (event !== undefined) return event
        const { promise, resolve } = Promise.withResolvers<void>()
        waiting.add(resolve)
        await promise
        waiting.delete(resolve)
      }
    },
  }
}

export interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An application that is told: what came, in order. */
export async function application(
  t: Test,
  answer: (reply: ServerResponse, request: IncomingMessage) => void = (reply) => reply.writeHead(204).end(),
): Promise<{ readonly url: string; readonly received: Received[]; connections(): Promise<number> }> {
  const received: Received[] = []
  const server = createServer((request, reply) => {
    void text(request).then(
      (body) => {
        const { method, url, headers } = request
        received.push({ method, url, headers, body })
        answer(reply, request)
      },
      () => {},
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    connections: () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
  }
}
