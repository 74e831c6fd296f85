import { randomBytes } from 'node:crypto'
import t from 'tap'
import { weaknessOf } from '../../src/config/token-strength.ts'
import fc from '../support/property.ts'

/** The marker itself counts for nothing: it is what every token of the tests begins with. */
const canary = 'CANARY-'

t.test('what random bytes make is strong enough in every usual form', async (t) => {
  for (let turn = 0; turn < 50; turn++) {
    const bytes = randomBytes(32)
    t.equal(weaknessOf(bytes.toString('base64url')), undefined)
    t.equal(weaknessOf(bytes.toString('base64')), undefined)
    t.equal(weaknessOf(`${canary}${bytes.toString('base64url')}`), undefined)
  }
})

t.test('bits are those of the smallest alphabet that the characters could come from', async (t) => {
  const bits = (token: string): string | undefined => /^has (\d+) bits/.exec(weaknessOf(token) ?? '')?.[1]
  t.equal(bits('0192837465'), '33', 'digits')
  t.equal(bits('0192837465abcdef'), '64', 'hexadecimal')
  t.equal(bits('0192837465ABCDEF'), '64', 'in capitals')
  t.equal(bits('01:92:83:74:65:ab:cd:ef'), '64', 'what parts the digits counts for nothing')
  t.equal(bits('qwertzuiop'), '47', 'small letters')
  t.equal(bits('MFRGGZDFMZTWQ2LK'), '80', 'base32')
  t.equal(bits('qwertzuiop0189'), '72', 'small letters and digits')
  t.equal(bits('qwertzUIOP'), '57', 'letters')
  t.equal(bits('qwertzUIOP-_09'), '84', 'base64url')
  t.equal(bits('qwertzUIOP+/09=='), '84', 'base64, whose padding counts for nothing')
  t.equal(bits('qwertz!"$%&09'), '85', 'visible ASCII')
})

t.test('128 bits are enough, and fewer are not', async (t) => {
  t.equal(weaknessOf('0123456789abcdef0123456789abcde9'), undefined, '32 hexadecimal digits')
  t.match(weaknessOf('0123456789abcdef0123456789abcde'), /^has 124 bits at the most, .* and 128 are needed$/)
  t.equal(weaknessOf('CANARY-qwertzuiopasdfg'), undefined, '22 characters of base64url')
  t.match(weaknessOf('CANARY-qwertzuiopasdf'), /^has 126 bits/)
})

t.test('what repeats itself is worth what it repeats', async (t) => {
  t.match(weaknessOf(`${canary}1`.repeat(20)), /^has 48 bits/)
  t.match(weaknessOf('a'.repeat(4000)), /^has 4 bits/)
  t.match(weaknessOf(`${'a'.repeat(50)}bcCANA`), /^has only 6 different characters/)
})

t.test('a UUID is none: too few of its bits are random', async (t) => {
  t.match(weaknessOf('4f1c2a9e-3b7d-4c8a-9e5f-1a2b3c4d5e6f'), /^is a UUID/)
})

t.test('what no header carries safely is refused: nothing, spaces, other alphabets, too much', async (t) => {
  const strong = 'CANARY-0123456789abcdefghij'
  t.equal(weaknessOf(''), 'is empty')
  for (const character of [' ', '\t', '\n', '\0', '\u007f', 'ü', '€', '😀']) {
    t.match(weaknessOf(`${strong}${character}x`), /^holds a space, or a character beyond ASCII/)
  }
  t.equal(weaknessOf(`${strong}!"#,;=`), undefined)
  const long = randomBytes(4096).toString('base64url')
  t.equal(weaknessOf(long.slice(0, 4096)), undefined)
  t.match(weaknessOf(long.slice(0, 4097)), 'is longer than 4096 bytes')
})

t.test('whatever it is given, the weakness quotes nothing of it', async () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      const weakness = weaknessOf(`${canary}${text}`)
      return weakness === undefined || !weakness.includes(canary)
    }),
  )
})

t.test('a token that is strong stays so when it grows', async () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[A-Za-z0-9_-]{15,60}$/),
      fc.stringMatching(/^[A-Za-z0-9_-]{1,9}$/),
      (text, more) => {
        const token = `${canary}${text}`
        return weaknessOf(token) !== undefined || weaknessOf(`${token}${more}`) === undefined
      },
    ),
  )
})
