import t from 'tap'
import { holds, patience } from '../../support/properties/history.ts'

t.setTimeout(patience)

t.test(
  'whatever a backend does that is asked key by key, what callers are told follows from what it said',
  async (t) => {
    t.pass(`for ${await holds({ kinds: ['keys'], providers: ['p'] }, 120)} random histories`)
  },
)
