import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { numberOf, oidOf, partsOf, readElement } from '../../../src/providers/azure/pkcs12/der.ts'
import { Budget, pkcs12Key } from '../../../src/providers/azure/pkcs12/derive.ts'
import { pemOfPkcs12 } from '../../../src/providers/azure/pkcs12/pem.ts'
import { decryptRc2 } from '../../../src/providers/azure/pkcs12/rc2.ts'
import { Malformed } from '../../../src/providers/shared/malformed.ts'
import fc from '../../support/property.ts'

const folder = join(import.meta.dirname, '../../support/fixtures/pkcs12')
const fixture = (name: string): Buffer => readFileSync(join(folder, name))
const opened = async (container: Buffer): Promise<string> =>
  (await pemOfPkcs12(container.toString('base64'))).reveal().toString('utf8')

const malformed = { name: 'Malformed' }

t.test('what OpenSSL packs is unpacked, however it is encrypted', async (t) => {
  for (const [name, expected] of [
    ['aes-256.p12', 'rsa.pem'],
    ['aes-128-and-192.p12', 'rsa.pem'],
    ['triple-des.p12', 'rsa.pem'],
    ['no-checksum.p12', 'rsa.pem'],
    ['rc2.p12', 'rsa.pem'],
    ['windows-ec.p12', 'ec.pem'],
    ['one-iteration-ec.p12', 'ec.pem'],
    ['plain-ec.p12', 'ec.pem'],
  ] as const) {
    t.equal(await opened(fixture(name)), fixture(expected).toString(), name)
  }
})

t.test('RC2 is what OpenSSL makes of the same keys', async (t) => {
  for (const [key, iv, text, encrypted] of [
    [
      'e424b74695',
      '60ff2c9880700595',
      'db1a905841f6803657b2e4dfbb365f7a1420157061dca466eca14e0a4ce8e68525109ce738a6252b',
      '81f74f2e00a76ce72a3937c30a9fb2ace9ec628c065a6b55745634648ac66d477643e7288efb2c0ecf9ea1930efc58cd',
    ],
    [
      '4fa9bbc711397298f377d49a5df93be5',
      'f7c1ad0732713040',
      '4fc2e1125718572397f5f8389c47568a57a87bda888d837eebf84a57973f1f551201569077485421',
      '7fe37213d530a85bde8e386cbc6b8da353ca76408ef3cd4c5082acab6c3635b85cc6eca2927d8ab527043fd167e516c4',
    ],
  ] as const) {
    const [keyBytes, ivBytes] = [Buffer.from(key, 'hex'), Buffer.from(iv, 'hex')]
    const whole = Buffer.from(encrypted, 'hex')
    t.equal(decryptRc2(keyBytes, ivBytes, whole)?.toString('hex'), text)
    t.equal(
      decryptRc2(keyBytes, ivBytes, whole.subarray(0, -8)),
      undefined,
      'without the block of the padding',
    )
    t.equal(decryptRc2(keyBytes, ivBytes, whole.subarray(0, -1)), undefined, 'with half a block')
    t.equal(decryptRc2(keyBytes, ivBytes, Buffer.alloc(0)), undefined, 'nothing')
    t.equal(decryptRc2(keyBytes, ivBytes.subarray(1), whole), undefined, 'with a short start')
  }
})

t.test('a container without a key gives its certificates, the leaf first', async (t) => {
  const certificates = fixture('rsa.pem')
    .toString()
    .replace(/^.*?-----END PRIVATE KEY-----\n/s, '')
  t.equal(await opened(fixture('no-key.p12')), certificates)
})

t.test('no password is understood in both forms in which programs hash it', async (t) => {
  const container = fixture('plain-ec.p12')
  const [version, safe, mac] = partsOf(readElement(container))
  const content = partsOf(safe)[1]?.content
  const [info, salt, count] = partsOf(mac)
  if (version === undefined || safe === undefined || content === undefined) throw new Error('a container')
  if (info === undefined || salt === undefined || count === undefined) throw new Error('a container')
  const derivation = { hash: 'sha1', salt: salt.content, iterations: numberOf(count), length: 20 } as const
  const key = await pkcs12Key(Buffer.alloc(0), 'mac', derivation, new Budget())
  const digest = createHmac('sha1', key).update(readElement(content).content).digest()
  const algorithm = partsOf(info)[0]?.whole ?? Buffer.alloc(0)
  const rewritten = sequence(
    version.whole,
    safe.whole,
    sequence(sequence(algorithm, tagged(0x04, digest)), salt.whole, count.whole),
  )
  t.equal(await opened(rewritten), fixture('ec.pem').toString())
})

t.test('a container that was cut off or lengthened anywhere is refused', async () => {
  const whole = fixture('plain-ec.p12')
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
      return (await outcome(whole.subarray(0, length))) === 'malformed'
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 9 }), async (more) => {
      return (await outcome(Buffer.concat([whole, more]))) === 'malformed'
    }),
  )
})

t.test('whatever bytes are changed, it ends in PEM or is refused', async () => {
  // Each costs what the container's iterations cost.
  for (const [name, numRuns] of [
    ['plain-ec.p12', 100],
    ['one-iteration-ec.p12', 400],
  ] as const) {
    const whole = fixture(name)
    const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const changed = Buffer.from(whole)
        for (const [at, byte] of changes) changed[at] = byte
        return ['pem', 'malformed'].includes(await outcome(changed))
      }),
      { numRuns },
    )
  }
})

t.test('whatever bytes come, reading them ends', async () => {
  const start = fc.constantFrom(
    [0x30, 0x80],
    [0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
    [0x30, 0x82, 0x00, 0x01],
    [0x1f],
    [],
  )
  await fc.assert(
    fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), async (first, rest) => {
      return (await outcome(Buffer.from([...first, ...rest]))) === 'malformed'
    }),
    { numRuns: 500 },
  )
})

t.test('lengths have one form alone', async (t) => {
  t.strictSame(readElement(Buffer.from([0x04, 0x01, 7])).content, Buffer.from([7]))
  for (const bytes of [
    [],
    [0x04],
    [0x04, 0x02, 7],
    [0x04, 0x01, 7, 7],
    [0x04, 0x81, 0x01, 7],
    [0x04, 0x82, 0x00, 0x81, ...Array(129).fill(7)],
    [0x04, 0x80, 0, 0],
    [0x04, 0x85, 0, 0, 0, 0, 1, 7],
    [0x1f, 0x01, 7],
  ]) {
    t.throws(() => readElement(Buffer.from(bytes)), malformed, String(bytes))
  }
})

t.test('numbers and identifiers are read as far as they are used', async (t) => {
  t.equal(numberOf(readElement(Buffer.from([2, 3, 0, 0xff, 1]))), 65_281)
  t.equal(oidOf(readElement(Buffer.from('06092a864886f70d01070a', 'hex'))), '1.2.840.113549.1.7.10')
  t.equal(oidOf(readElement(Buffer.from('0603883703', 'hex'))), '2.999.3')
  for (const hex of ['0200', '0201ff', '02050000000001', '0401ff']) {
    t.throws(() => numberOf(readElement(Buffer.from(hex, 'hex'))), malformed, hex)
  }
  for (const hex of ['0600', '060188', '0609ffffffffffffffff7f', '040100']) {
    t.throws(() => oidOf(readElement(Buffer.from(hex, 'hex'))), malformed, hex)
  }
  t.throws(
    () => partsOf(readElement(Buffer.concat([Buffer.from('308201f4', 'hex'), Buffer.alloc(500)]))),
    malformed,
  )
})

t.test('a container cannot ask for work without end', async (t) => {
  const budget = new Budget()
  budget.spend(200_000)
  t.throws(() => budget.spend(1), { ...malformed, reason: 'oversized' })
  t.throws(() => new Budget().spend(0), malformed)
})

t.test(
  'a container holds as many certificates as a chain could have, and not as many as would take long',
  async (t) => {
    const [certificate = ''] =
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(fixture('ec.pem').toString()) ?? []
    const bag = certificateBag(Buffer.from(certificate.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'))
    const pem = await opened(plainContainer(Array(50).fill(bag)))
    t.equal(pem, `${certificate}\n`, 'and one that lies there more than once comes once')
    await t.rejects(opened(plainContainer(Array(51).fill(bag))), { ...malformed, reason: 'oversized' })
    await t.rejects(opened(plainContainer([])), { ...malformed, message: /holds no certificate/ })
  },
)

t.test('a container needs the certificate of its key, and one key alone', async (t) => {
  const [ec, rsa] = [fixture('ec.pem').toString(), fixture('rsa.pem').toString()]
  const key = keyBag(derOf(ec, 'PRIVATE KEY'))
  const [own, other] = [certificateBag(derOf(ec, 'CERTIFICATE')), certificateBag(derOf(rsa, 'CERTIFICATE'))]
  t.equal(await opened(plainContainer([other, key, own])), `${ec}${pemOf(rsa, 'CERTIFICATE')}\n`)
  await t.rejects(opened(plainContainer([key, other])), {
    ...malformed,
    message: /no certificate of its key/,
  })
  await t.rejects(opened(plainContainer([key, key, own])), { ...malformed, message: /several keys/ })
  await t.rejects(opened(plainContainer([keyBag(derOf(ec, 'CERTIFICATE')), own])), malformed)
})

function pemOf(text: string, label: string): string {
  return new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0] ?? ''
}

function derOf(text: string, label: string): Buffer {
  return Buffer.from(pemOf(text, label).replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
}

function keyBag(der: Buffer): Buffer {
  return sequence(identifier('2a864886f70d010c0a0101'), tagged(0xa0, der))
}

/** A container without a checksum whose bags nobody encrypted. */
function plainContainer(bags: readonly Buffer[]): Buffer {
  return sequence(tagged(0x02, Buffer.from([3])), data(sequence(data(sequence(...bags)))))
}

function data(content: Buffer): Buffer {
  return sequence(identifier('2a864886f70d010701'), tagged(0xa0, tagged(0x04, content)))
}

function certificateBag(der: Buffer): Buffer {
  const value = sequence(identifier('2a864886f70d01091601'), tagged(0xa0, tagged(0x04, der)))
  return sequence(identifier('2a864886f70d010c0a0103'), tagged(0xa0, value))
}

function identifier(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'))
}

async function outcome(container: Buffer): Promise<string> {
  try {
    const pem = await opened(container)
    return /^-----BEGIN (PRIVATE KEY|CERTIFICATE)-----\n/.test(pem) ? 'pem' : 'something else'
  } catch (error) {
    return error instanceof Malformed ? 'malformed' : `an error of another kind: ${error}`
  }
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}
