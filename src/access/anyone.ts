import type { Access } from './access.ts'
import { Caller } from './caller.ts'

/** Who asks where nobody is told apart: whoever can connect, for everything. */
export function anyone(listener: string, limit?: number): Caller {
  return new Caller({
    name: undefined,
    listener,
    rights: ['read', 'list', 'refresh', 'watch'],
    allows: undefined,
    limit,
  })
}

/** A listener without callers. `wantsHeader` is asked at each request, since it may change. */
export function withoutCallers(listener: string, wantsHeader: () => boolean): Access {
  const caller = anyone(listener)
  return {
    get wants() {
      return wantsHeader() ? 'header' : 'nothing'
    },
    identify: () => undefined,
    anyone: caller,
  }
}
