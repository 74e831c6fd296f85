import t from 'tap'
import { PatientIdentity } from '../../../src/providers/aws/patient-identity.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const minute = 60_000

/** Credentials that last an hour from the moment in which they are fetched. */
function rig() {
  const clock = new VirtualClock()
  const asked: PromiseWithResolvers<void>[] = []
  const identity = new PatientIdentity(async () => {
    const answer = Promise.withResolvers<void>()
    const id = `id-${asked.push(answer)}`
    await answer.promise
    return {
      accessKeyId: id,
      secretAccessKey: 'CANARY',
      expiration: new Date(clock.wall() + 60 * minute),
    }
  }, clock)
  const get = async (): Promise<string> => (await identity.get()).accessKeyId
  return { clock, asked, get }
}

t.test(
  'credentials are fetched once, however many ask, and held until five minutes before their end',
  async (t) => {
    const { clock, asked, get } = rig()
    const first = [get(), get()]
    asked[0]?.resolve()
    t.same(await Promise.all(first), ['id-1', 'id-1'])
    await clock.advance(54 * minute)
    t.equal(await get(), 'id-1')
    t.equal(asked.length, 1)
  },
)

t.test('in the last five minutes nobody waits for the next ones, and one call fetches them', async (t) => {
  const { clock, asked, get } = rig()
  const first = get()
  asked[0]?.resolve()
  await first
  await clock.advance(56 * minute)
  t.same(await Promise.all([get(), get()]), ['id-1', 'id-1'])
  t.equal(asked.length, 2)
  asked[1]?.resolve()
  await clock.advance(0)
  t.equal(await get(), 'id-2')
})

t.test('what fails meanwhile is tried again, and told when the held ones are over', async (t) => {
  const { clock, asked, get } = rig()
  const first = get()
  asked[0]?.resolve()
  await first
  await clock.advance(56 * minute)
  t.equal(await get(), 'id-1')
  asked[1]?.reject(new Error('down'))
  await clock.advance(0)
  t.equal(await get(), 'id-1')
  asked[2]?.reject(new Error('down'))
  await clock.advance(4 * minute)
  const last = get()
  asked[3]?.reject(new Error('down still'))
  await t.rejects(last, { message: 'down still' })
  const again = get()
  asked[4]?.resolve()
  t.equal(await again, 'id-5')
})
