import { callerOf } from '../asking.ts'
import type { EventStreams } from '../event-streams.ts'
import { nameFilter } from '../name-filter.ts'
import { parseQuery } from '../query.ts'
import { beginRecorded, send } from '../respond.ts'
import type { Route } from './route.ts'

const query = {
  name: {
    type: 'array',
    items: { type: 'string' },
    description:
      'Only events of this secret, or of those that match a pattern with one `*`. May be given several times.',
  },
} as const

const headers = [
  'Content-Type',
  'text/event-stream',
  'Cache-Control',
  'no-store',
  'X-Content-Type-Options',
  'nosniff',
  // A stream has its connection for itself, to the end of both.
  'Connection',
  'close',
] as const

/** `GET /v1/events`: what happens to secrets, as server-sent events (WHATWG HTML, section 9.2). Never a value. */
export function eventsRoute(streams: EventStreams): Route {
  return {
    id: 'watchEvents',
    method: 'GET',
    url: '/v1/events',
    path: '/v1/events',
    skipsDoor: false,
    right: 'watch',
    action: 'watch',
    query,
    problems: ['SIDEKEEP_BAD_REQUEST', 'SIDEKEEP_TOO_MANY_EVENT_STREAMS', 'SIDEKEEP_SHUTTING_DOWN'],
    closing: () => streams.close(),
    handle(request, reply) {
      const { name = [] } = parseQuery(query, request.query)
      const wants = nameFilter(name)
      if (request.method === 'HEAD') {
        send(request, reply, 200, [...headers])
        return
      }
      streams.admit(callerOf(request))
      const lastEventId = request.headers['last-event-id']
      beginRecorded(request, reply, 200, () => {
        // Asked again: it may have had to wait until it was recorded.
        const caller = callerOf(request)
        streams.admit(caller)
        reply.hijack()
        reply.raw.writeHead(200, [...headers])
        // Counted as it begins: what comes later is no time that the answer took.
        const { clock } = request.server.exchange
        request.meter?.count(request.method, 200, clock.now() - request.startedAt)
        streams.open(request, reply.raw, {
          caller,
          wants,
          lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
        })
      })
    },
  }
}
