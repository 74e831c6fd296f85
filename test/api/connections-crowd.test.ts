import { Socket } from 'node:net'
import t from 'tap'
import { Connection, Crowd } from '../../src/api/crowd.ts'
import fc from '../support/property.ts'

t.test(
  'whatever comes, moves and goes, each crowd has its connections in the order of their coming',
  async (t) => {
    const socket = new Socket()
    const step = fc.record({ who: fc.nat(7), to: fc.constantFrom(0, 1, 'out' as const) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const connections = Array.from({ length: 8 }, () => new Connection(socket))
        const crowds = [new Crowd(), new Crowd()]
        const expected: Connection[][] = [[], []]
        for (const { who, to } of steps) {
          const connection = connections[who]
          if (connection === undefined) continue
          for (const [at, list] of expected.entries()) expected[at] = list.filter((one) => one !== connection)
          if (to === 'out') connection.crowd?.release(connection)
          else crowds[to]?.take(connection)
          if (to !== 'out') expected[to]?.push(connection)
          for (const [at, crowd] of crowds.entries()) {
            const found: Connection[] = []
            for (let one = crowd.first; one !== undefined; one = one.after) found.push(one)
            if (crowd.size !== found.length) return false
            if (found.some((one, place) => one !== expected[at]?.[place] || one.crowd !== crowd)) return false
            if (found.length !== expected[at]?.length) return false
          }
        }
        return true
      }),
    )
    t.pass()
  },
)
