import t from 'tap'
import { fetchEach, wipe } from '../../src/providers/shared/each.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { SecretValue } from '../../src/secrets/secret.ts'

const givenUp = new ProviderError('unavailable', 'aborted', 'given up')
const wiped = Buffer.alloc('CANARY-value'.length)
const values = (): Map<string, SecretValue> =>
  new Map(['a', 'b', 'c'].map((key) => [key, SecretValue.fromText('CANARY-value')]))

function valueIn(all: ReadonlyMap<string, SecretValue>, key: string): SecretValue {
  const value = all.get(key)
  if (value === undefined) throw givenUp
  return value
}

t.test('where one key was given up, the values that have come are wiped', async (t) => {
  const entries = values()
  const keys = [...entries.keys(), 'given up']
  const fetching = fetchEach(keys, async (key) => ({ value: valueIn(entries, key) }))
  await t.rejects(fetching, givenUp)
  for (const value of entries.values()) t.strictSame(value.reveal(), wiped)

  const nested = values()
  const nesting = fetchEach(
    keys,
    async (key) => ({ all: new Map([[key, { value: valueIn(nested, key) }]]) }),
    ({ all }) => all.forEach(wipe),
  )
  await t.rejects(nesting, givenUp)
  for (const value of nested.values()) t.strictSame(value.reveal(), wiped)
})

t.test('other failures leave the values of other keys as they are', async (t) => {
  const entries = values()
  const results = await fetchEach([...entries.keys(), 'missing'], async (key) => {
    if (key === 'missing') throw new ProviderError('missing', 'not-found', 'none')
    return { value: valueIn(entries, key) }
  })
  t.equal(results.size, 4)
  for (const value of entries.values()) t.equal(value.reveal().toString(), 'CANARY-value')
})
