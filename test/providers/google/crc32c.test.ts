import t from 'tap'
import { crc32c } from '../../../src/providers/google/crc32c.ts'
import fc from '../../support/property.ts'

t.test('the checksums of RFC 3720, appendix B.4, are those of its examples', async (t) => {
  const ascending = Buffer.from(Array.from({ length: 32 }, (_, byte) => byte))
  const readCommand = Buffer.from(
    '01c00000000000000000000000000000140000000000040000000014000000182800000000000000' + '0200000000000000',
    'hex',
  )
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  t.equal(crc32c(ascending), 0x46dd794e)
  t.equal(crc32c(ascending.toReversed()), 0x113fdb5c)
  t.equal(crc32c(readCommand), 0xd9963a56)
})

t.test('the check value of the CRC catalogues is met, and of nothing it is 0', async (t) => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(0)), 0)
})

t.test('one bit that is another makes another checksum', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (bytes, at) => {
      const other = Uint8Array.from(bytes)
      const bit = at % (bytes.length * 8)
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      return crc32c(bytes) !== crc32c(other)
    }),
  )
})

t.test('it is a sum of 32 bits without a sign', async () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const sum = crc32c(bytes)
      return Number.isInteger(sum) && sum >= 0 && sum <= 0xffffffff
    }),
  )
})
