import t from 'tap'
import { holds, patience } from '../../support/properties/history.ts'

t.setTimeout(patience)

t.test('whatever callers ask for, no backend gets more calls than it allows', async (t) => {
  t.pass(
    `for ${await holds({ kinds: ['keys', 'batches', 'list', 'named'], providers: ['p', 'q'], callers: 4 }, 120)} random histories`,
  )
})
