import t from 'tap'
import { holds, patience } from '../../support/properties/history.ts'

t.setTimeout(patience)

t.test(
  'whatever a backend names that lists its keys, what callers are told follows from what it said',
  async (t) => {
    t.pass(`for ${await holds({ kinds: ['named'], providers: ['p'], lists: 1 }, 120)} random histories`)
  },
)
