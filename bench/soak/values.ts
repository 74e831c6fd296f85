/** The values that the backends of the soak have. Each is unique, so that it tells when it was right. */
import type { Dice } from './random.ts'

/** `field`: JSON whose member says the whole, as the oracle counts on. */
export type Shape = 'text' | 'json' | 'binary' | 'large'

/** The member of JSON values that callers and rules ask for. */
export const field = 'password'

const largeBytes = 192 * 1_024

export function makeValue(shape: Shape, key: string, count: number, dice: Dice): Buffer {
  const text = `CANARY-${key}-${count}-${dice.hex(6)}`
  switch (shape) {
    case 'text':
      return Buffer.from(text)
    case 'json':
      return wholeOf(field, Buffer.from(text))
    case 'binary':
      // A byte that no UTF-8 text has.
      return Buffer.concat([Buffer.from(text), Buffer.from([0xff, count & 0xff])])
    case 'large':
      return Buffer.from(`${text}-`.repeat(Math.ceil(largeBytes / (text.length + 1))))
  }
}

/** The JSON value whose member is `value`: what a caller who was given the member was given a part of. */
export function wholeOf(member: string, value: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ user: 'app', [member]: value.toString('utf8') }))
}
