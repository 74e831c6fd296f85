import t from 'tap'
import { quotaOf } from '../../src/limits/gcra.ts'
import { TatTable } from '../../src/limits/tat-table.ts'
import { MemoryStore } from '../../src/proxy/limits/memory-store.ts'

const capacity = 100

function limiterOf(rate: number, burst: number) {
  const quota = quotaOf(rate, burst)
  const store = new MemoryStore([
    { name: 'per-client', by: 'client-ip', quota, mode: 'enforce', maxKeys: capacity },
  ])
  return (key: string, now: number) => store.take([{ place: 0, key }], now)[0]?.allowed === true
}

t.test('rotating keys does not reset the budget of any key', async (t) => {
  const passes = limiterOf(1 / 60, 2)
  t.ok(passes('victim', 0))
  t.ok(passes('victim', 0))
  t.notOk(passes('victim', 0), 'its budget is used up')
  let letThrough = 0
  for (let key = 0; key < 100 * capacity; key++) {
    if (passes(`rotated-${key}`, 1)) letThrough += 1
  }
  t.notOk(passes('victim', 2), 'and still is')
  t.equal(letThrough, capacity - 1 + 2, 'once the table is full, all new keys share one budget')
  t.notOk(passes('one-more', 2))
})

t.test('keys that are known keep their own budget while the table is full', async (t) => {
  const passes = limiterOf(1, 2)
  t.ok(passes('known', 0))
  for (let key = 0; key < 2 * capacity; key++) passes(`rotated-${key}`, 0)
  t.ok(passes('known', 0))
  t.notOk(passes('known', 0))
})

t.test('once their debts have passed, keys make room for others', async (t) => {
  const passes = limiterOf(1, 1)
  for (let key = 0; key < 2 * capacity; key++) passes(`rotated-${key}`, 0)
  t.notOk(passes('new-1', 999))
  t.ok(passes('new-1', 2_000))
  t.ok(passes('new-2', 2_000), 'each has its own budget again')
})

t.test('a full table is walked through once a second at most', async (t) => {
  const table = new TatTable(2)
  table.write('a', 10)
  table.write('b', 20)
  t.equal(table.read('c', 5), 0, 'the walk finds nothing to drop: the shared TAT')
  table.write('c', 30)
  t.equal(table.read('d', 15), 30, 'no second walk, though "a" owes nothing any more')
  t.equal(table.read('d', 1_005), 0)
  t.equal(table.size, 0)
})
