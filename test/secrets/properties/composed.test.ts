import t from 'tap'
import type { Provider } from '../../../src/secrets/provider.ts'
import { parseTemplate } from '../../../src/secrets/template/parse.ts'
import {
  type Answer,
  fetched,
  KeyBackend,
  ListBackend,
  missing,
  unavailable,
} from '../../support/heart-backend.ts'
import { createRig, minute, ruleOf } from '../../support/heart-rig.ts'
import fc from '../../support/property.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** What happens next: the backend rotates, breaks in some way or is mended; somebody refreshes; time passes. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant('rotate' as const) },
  { weight: 3, arbitrary: fc.constantFrom('rotate db' as const, 'rotate list' as const) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('half' as const, 'missing' as const, 'down' as const, 'well' as const),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('refresh user' as const, 'refresh both' as const, 'refresh list' as const),
  },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 5 * minute }) },
)

const rule = (name: string, template: string) =>
  ruleOf(name, { provider: '', template: parseTemplate(template) })

t.test('whatever happens to the parts in whatever order, nobody ever reads a mix', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer(), async (steps, seed) => {
      const clock = new VirtualClock()
      let [db, list] = [1, 1]
      let state: 'half' | 'missing' | 'down' | 'well' = 'well'
      const later = async (answer: Answer): Promise<Answer> => {
        await new Promise<void>((resolve) => clock.setTimer(resolve, 50))
        return answer
      }
      const keys = new KeyBackend(clock, (): Answer | Promise<Answer> => {
        if (state === 'down') return unavailable()
        if (state === 'missing') return missing()
        if (state === 'half') return fetched(JSON.stringify({ user: `u${db}` }))
        return later(fetched(JSON.stringify({ user: `u${db}`, password: `p${db}` })))
      })
      const all = new ListBackend(
        clock,
        () =>
          new Map([
            ['a', fetched(`a${list}`)],
            ['b', fetched(`b${list}`)],
          ]),
      )
      const backend = new Map<string, Provider>([
        ['keys', keys],
        ['all', all],
      ])
      let draw = seed
      const rig = createRig(t, {
        rules: [
          ruleOf('user', { provider: 'keys', key: 'db', field: 'user' }),
          ruleOf('password', { provider: 'keys', key: 'db', field: 'password' }),
          ruleOf('a', { provider: 'all' }),
          ruleOf('b', { provider: 'all' }),
          rule('nested', '{{ user }} {{ both }}'),
          rule('both', '{{ user }}:{{ password }}'),
          rule('list', '{{ a }}:{{ b }}'),
        ],
        backend,
        clock,
        random: () => {
          draw = (draw * 16_807 + 11) % 2_147_483_647
          return Math.abs(draw) / 2_147_483_648
        },
      })
      /** Nothing is awaited between what changes and this look: it stands for all readers of all turns. */
      const look = (): void => {
        const words = (name: string): string => rig.see(name).replace(/^(fresh|stale) /, '')
        const both = /^u(\d+):p(\d+)$/.exec(words('both'))
        if (both !== null && both[1] !== both[2]) throw new Error(`a mix: ${both[0]}`)
        const nested = /^u(\d+) u(\d+):p(\d+)$/.exec(words('nested'))
        if (nested !== null && (nested[1] !== nested[2] || nested[2] !== nested[3]))
          throw new Error(`a mix: ${nested[0]}`)
        const pair = /^a(\d+):b(\d+)$/.exec(words('list'))
        if (pair !== null && pair[1] !== pair[2]) throw new Error(`a mix: ${pair[0]}`)
      }
      rig.events.onEvent = (event) => {
        if (event.what === 'called') look()
      }
      rig.refresher.start()
      await clock.advance(100)
      for (const each of steps) {
        if (typeof each === 'number') await clock.advance(each)
        else if (each === 'rotate') [db, list] = [db + 1, list + 1]
        else if (each === 'rotate db') db += 1
        else if (each === 'rotate list') list += 1
        else if (each.startsWith('refresh ')) void rig.refresher.refresh(each.slice('refresh '.length))
        else state = each as typeof state
        look()
      }
      // What is well again comes together again.
      state = 'well'
      await clock.advance(15 * minute)
      look()
      const expected = `fresh u${db}:p${db}`
      if (rig.see('both') !== expected) throw new Error(`${rig.see('both')} is not ${expected}`)
      if (rig.see('list') !== `fresh a${list}:b${list}`) throw new Error(`the list is ${rig.see('list')}`)
      await rig.stop()
    }),
    { numRuns: 150 },
  )
  t.pass('for 150 random histories')
})
