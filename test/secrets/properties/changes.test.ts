import t from 'tap'
import { holds, patience } from '../../support/properties/history.ts'

t.setTimeout(patience)

t.test(
  'whatever changes in the configuration, what is held is served until the place that is named has answered',
  async (t) => {
    t.pass(
      `for ${await holds({ kinds: ['keys', 'batches', 'list', 'named'], providers: ['p', 'q', 'r'], changes: 2, leases: 1, lists: 1 }, 120)} random histories`,
    )
  },
)
