import t from 'tap'
import { holds, patience } from '../../support/properties/history.ts'

t.setTimeout(patience)

t.test(
  'whatever goes wrong at several backends at once, each is left in peace, and reached again',
  async (t) => {
    t.pass(
      `for ${await holds({ kinds: ['keys', 'batches', 'list', 'named'], providers: ['p', 'q', 'r'], outages: 4 }, 120)} random histories`,
    )
  },
)
