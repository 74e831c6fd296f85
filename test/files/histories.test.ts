import t from 'tap'
import { WriteError } from '../../src/files/content.ts'
import { publish } from '../../src/files/writer/publish.ts'
import { fetched, ListBackend, unavailable } from '../support/heart-backend.ts'
import { second } from '../support/heart-rig.ts'
import fc from '../support/property.ts'
import { roomRig } from './support/room-rig.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f']

type Step =
  /** The backend has other values, each with the number of the change, and lacks one secret or none. */
  | { readonly kind: 'change'; readonly without: string | undefined }
  | { readonly kind: 'backend'; readonly isUp: boolean }
  | { readonly kind: 'disk'; readonly isFull: boolean }
  | { readonly kind: 'time'; readonly seconds: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('change'), without: fc.constantFrom(undefined, ...names) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('backend'), isUp: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disk'), isFull: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('time'), seconds: fc.integer({ min: 1, max: 90 }) }),
  },
)

/** The number of the change that all values of a file are from; NaN where they are from several. */
function changeOf(text: string): number {
  const numbers = new Set(
    Object.values(JSON.parse(text) as object).map((value) => String(value).split('-').at(-1)),
  )
  const [number] = numbers
  return numbers.size === 1 ? Number(number) : Number.NaN
}

t.test(
  'whatever happens, a file is what the provider had at one moment, and in the end what it has',
  async (t) => {
    let history = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
        history += 1
        await t.test(`history ${history}`, async (t) => {
          let [change, isUp, isFull, without] = [0, true, false, undefined as string | undefined]
          const contents: string[] = []
          const rig = await roomRig(t, {
            provider: (clock) =>
              new ListBackend(clock, () => {
                if (!isUp) return unavailable()
                const held = names.filter((name) => name !== without)
                return new Map(held.map((name) => [name, fetched(`CANARY-${name}-${change}`)]))
              }),
            secrets: {
              a: { refresh: '10s', maxStale: '1d' },
              '*': { key: '*', refresh: '10s', maxStale: '1d' },
            },
            files: [{ path: 'all.json', format: 'map', secrets: ['*'] }],
            places: {
              async publish(...args) {
                const [, content] = args
                if (content.kind === 'file') contents.push(content.bytes.toString())
                if (isFull) throw new WriteError('full', 'no room is left', 'Make some.')
                return await publish(...args)
              },
            },
          })
          await rig.start()
          let last = 0
          for (const step of steps) {
            if (step.kind === 'change') {
              change += 1
              without = step.without
            } else if (step.kind === 'backend') isUp = step.isUp
            else if (step.kind === 'disk') isFull = step.isFull
            else {
              await rig.advance(step.seconds * second)
              const now = changeOf(rig.read('all.json'))
              if (!(now >= last)) t.fail(`${now} after ${last}`)
              last = now
            }
          }
          isUp = true
          isFull = false
          for (let times = 0; times < 30; times += 1) await rig.advance(30 * second)
          t.equal(changeOf(rig.read('all.json')), change)
          t.same(
            Object.keys(JSON.parse(rig.read('all.json')) as object),
            names.filter((name) => name !== without),
          )
          t.ok(contents.every((content) => !Number.isNaN(changeOf(content))))
          t.ok(rig.part.areCurrent)
        })
        if (!t.passing()) throw new Error(`history ${history} failed`)
      }),
      { numRuns: 25, endOnFailure: true },
    )
  },
)
