import t from 'tap'
import * as quantities from '../../src/config/quantities.ts'
import fc from '../support/property.ts'

const { parseDuration, formatDuration, parseSize, formatSize, parseRate, formatRate } = quantities

t.test('a duration is a whole number and a unit, in milliseconds', async (t) => {
  t.equal(parseDuration('500ms'), 500)
  t.equal(parseDuration('10s'), 10_000)
  t.equal(parseDuration('5m'), 300_000)
  t.equal(parseDuration('12h'), 43_200_000)
  t.equal(parseDuration('7d'), 604_800_000)
  t.equal(parseDuration('0s'), 0)
  t.equal(parseDuration('007s'), 7000)
})

t.test('what is no duration is refused rather than guessed at', async (t) => {
  for (const text of [
    '',
    '5',
    's',
    '1.5h',
    '-1s',
    '1h30m',
    ' 1s',
    '1s ',
    '1 s',
    '1S',
    '1w',
    '1e3s',
    '0x1s',
    '١s',
  ]) {
    t.equal(parseDuration(text), undefined, JSON.stringify(text))
  }
  t.equal(parseDuration('999999999999999d'), undefined, 'beyond exact numbers')
})

t.test('a size is bytes, with binary and decimal units', async (t) => {
  t.equal(parseSize('64KiB'), 65_536)
  t.equal(parseSize('16MiB'), 16_777_216)
  t.equal(parseSize('1GiB'), 1_073_741_824)
  t.equal(parseSize('1KB'), 1000)
  t.equal(parseSize('2MB'), 2_000_000)
  t.equal(parseSize('3GB'), 3_000_000_000)
  t.equal(parseSize('5B'), 5)
  t.equal(parseSize('1024'), 1024)
})

t.test('what is no size is refused', async (t) => {
  for (const text of [
    '',
    'KiB',
    '1K',
    '1kb',
    '64Mi',
    '1.5MiB',
    '-1',
    '1 KiB',
    '9007199254740992',
    '9999999GiB',
  ]) {
    t.equal(parseSize(text), undefined, JSON.stringify(text))
  }
})

t.test('a rate is events per second', async (t) => {
  t.equal(parseRate('100/s'), 100)
  t.equal(parseRate('60/m'), 1)
  t.equal(parseRate('90/m'), 1.5)
  t.equal(parseRate('3600/h'), 1)
})

t.test('what is no rate is refused, and so is a rate of nothing', async (t) => {
  for (const text of ['', '100', '/s', '100/d', '1.5/s', '-1/s', '0/s', '99999999999999999/s', '1 /s']) {
    t.equal(parseRate(text), undefined, JSON.stringify(text))
  }
})

t.test('quantities are written in the largest unit that holds them exactly', async (t) => {
  t.equal(formatDuration(0), '0s')
  t.equal(formatDuration(1500), '1500ms')
  t.equal(formatDuration(86_400_000), '1d')
  t.equal(formatDuration(90_000), '90s')
  t.equal(formatSize(0), '0B')
  t.equal(formatSize(1024), '1KiB')
  t.equal(formatSize(1500), '1500B')
  t.equal(formatSize(2000), '2KB')
  t.equal(formatRate(1), '1/s')
  t.equal(formatRate(1.5), '90/m')
  t.equal(formatRate(1 / 3600), '1/h')
})

t.test('a rate that no whole number of events gives is written as the nearest', async (t) => {
  t.equal(formatRate(0.00001), '1/h')
  t.equal(formatRate(1.00001), '3600/h')
})

t.test('whatever is written is read back as the same number', async () => {
  const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER })
  fc.assert(fc.property(whole, (ms) => parseDuration(formatDuration(ms)) === ms))
  fc.assert(fc.property(whole, (bytes) => parseSize(formatSize(bytes)) === bytes))
  const rate = fc.tuple(fc.integer({ min: 1, max: 10_000_000 }), fc.constantFrom('s', 'm', 'h'))
  fc.assert(
    fc.property(rate, ([count, unit]) => {
      const perSecond = parseRate(`${count}/${unit}`)
      return perSecond !== undefined && parseRate(formatRate(perSecond)) === perSecond
    }),
  )
})

t.test('arbitrary text is never a negative, broken or endless quantity', async () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{1,20}[a-zA-Z/]{0,3}$/))
  fc.assert(
    fc.property(text, (written) =>
      [parseDuration(written), parseSize(written), parseRate(written)].every(
        (value) => value === undefined || (Number.isFinite(value) && value >= 0),
      ),
    ),
  )
})
