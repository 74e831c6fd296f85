import t from 'tap'
import { lastClosing } from '../../src/parts/drain-time.ts'

t.test('requests under way have most of the time beside the linger', async (t) => {
  t.strictSame(lastClosing({ timeout: 25_000, linger: 0, notice: 2_000 }), {
    withinMs: 20_000,
    noticeMs: 2_000,
  })
  t.strictSame(lastClosing({ timeout: 25_000, linger: 5_000, notice: 0 }), { withinMs: 16_000, noticeMs: 0 })
})

t.test('a notice leaves half of it to whoever comes at its end', async (t) => {
  t.strictSame(lastClosing({ timeout: 1_000, linger: 0, notice: 2_000 }), { withinMs: 800, noticeMs: 400 })
})
