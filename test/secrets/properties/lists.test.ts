import t from 'tap'
import { holds, patience } from '../../support/properties/history.ts'

t.setTimeout(patience)

t.test('whatever a list names and lacks, only what it is believed to lack is dropped', async (t) => {
  t.pass(`for ${await holds({ kinds: ['list'], providers: ['p'], lists: 1 }, 120)} random histories`)
})
