/** The kinds of value that options share. Each is written as text and becomes what the program computes with. */
import * as z from 'zod/mini'
import { formatListen, type Listen, listenExpected, listenPattern, parseListen } from '../listen.ts'
import { variableExpected, variablePattern } from '../names.ts'
import * as quantities from '../quantities.ts'
import { type SourceUse, StringSource } from '../source.ts'
import { option, section } from './option.ts'

interface Range {
  readonly min?: string
  readonly max?: string
}

/** Longer than anything here is sensibly kept or waited for, and far from where arithmetic on milliseconds breaks. */
const longestDuration = '3650d'
const largestSize = '1GiB'

/** A string with a rule; the text says what was expected, in place of zod's own words. */
export function text(pattern: RegExp, expected: string) {
  return z.string({ error: expected }).check(z.regex(pattern, { error: expected, abort: true }))
}

/** `10s` in the file, milliseconds in the program. */
export function duration(range: Range = {}) {
  const { min = '0s', max = longestDuration } = range
  const least = quantities.parseDuration(min) ?? 0
  const most = quantities.parseDuration(max) ?? 0
  const schema = z.codec(text(quantities.durationPattern, quantities.durationExpected), z.number(), {
    decode(written, ctx) {
      const ms = quantities.parseDuration(written)
      if (ms !== undefined && ms >= least && ms <= most) return ms
      const message = `a duration ${between(least > 0 ? min : undefined, max)}`
      ctx.issues.push({ code: 'custom', input: written, message })
      return z.NEVER
    },
    encode: quantities.formatDuration,
  })
  return option(schema, { type: 'duration' })
}

/** `64KiB` in the file, bytes in the program. */
export function size(range: Range = {}) {
  const { min = '1B', max = largestSize } = range
  const least = quantities.parseSize(min) ?? 0
  const most = quantities.parseSize(max) ?? 0
  const error = quantities.sizeExpected
  const written = z.union([z.int({ error }), text(quantities.sizePattern, error)], { error })
  const schema = z.codec(written, z.number(), {
    decode(value, ctx) {
      const bytes = quantities.parseSize(String(value))
      if (bytes !== undefined && bytes >= least && bytes <= most) return bytes
      ctx.issues.push({ code: 'custom', input: value, message: `a size ${between(min, max)}` })
      return z.NEVER
    },
    encode: quantities.formatSize,
  })
  return option(schema, { type: 'size' })
}

/** `100/s` in the file, events per second in the program. */
export function rate() {
  const expected = quantities.rateExpected
  const schema = z.codec(text(quantities.ratePattern, expected), z.number(), {
    decode(written, ctx) {
      const perSecond = quantities.parseRate(written)
      if (perSecond !== undefined) return perSecond
      ctx.issues.push({ code: 'custom', input: written, message: `${expected}, more than 0` })
      return z.NEVER
    },
    encode: quantities.formatRate,
  })
  return option(schema, { type: 'rate' })
}

/** A listener's address. */
export function listen() {
  const written = z.string({ error: listenExpected })
  const schema = z.codec(written, z.custom<Listen>(), {
    decode(address, ctx) {
      const parsed = parseListen(address)
      if (!('error' in parsed)) return parsed
      ctx.issues.push({ code: 'custom', input: address, message: parsed.error })
      return z.NEVER
    },
    encode: formatListen,
  })
  option(written, { pattern: listenPattern })
  return option(schema, { type: 'address' })
}

/** A whole number. */
export function count(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`
  const schema = z
    .int({ error })
    .check(z.minimum(min, { error, abort: true }), z.maximum(max, { error, abort: true }))
  return option(schema, { type: 'integer' })
}

export function flag() {
  return option(z.boolean({ error: 'true or false' }), { type: 'boolean' })
}

/** A string that is a literal, `{ env: NAME }` or `{ file: PATH }`. */
export function source(use: SourceUse, error = 'a string, { env: NAME } or { file: PATH }') {
  const written = z.union(
    [
      z.string({ error }).check(z.minLength(1, { error })),
      section({
        env: option(text(variablePattern, variableExpected), {
          description: 'The environment variable that holds it.',
        }),
      }),
      section({ file: option(path(), { description: 'The file that holds it, read again at each use.' }) }),
    ],
    { error },
  )
  const schema = z.codec(written, z.custom<StringSource>(), {
    decode: (spec) => new StringSource(spec, use),
    encode: (value) => value.toJSON(),
  })
  return option(schema, { type: 'string source' })
}

/** A credential that the configuration only refers to: `{ env: NAME }` or `{ file: PATH }`, read again at each use. */
export function reference() {
  const error = '{ env: NAME } or { file: PATH }: a token does not belong into the configuration itself'
  const written = z.union(
    [
      section({
        env: option(text(variablePattern, variableExpected), {
          description: 'The environment variable that holds it.',
        }),
      }),
      section({
        file: option(path(), { description: 'The file that holds it, read again when it changes.' }),
      }),
    ],
    { error },
  )
  const schema = z.codec(written, z.custom<StringSource>(), {
    decode: (spec) => new StringSource(spec, 'credential'),
    encode: (value) => {
      const spec = value.toJSON()
      if (typeof spec === 'string') throw new Error('a reference is never a literal')
      return spec
    },
  })
  return option(schema, { type: 'string source' })
}

/** A path as the operating system takes it; a relative one starts at the working directory. */
export function path() {
  return option(text(/^\P{Cc}+$/u, 'a path'), { type: 'path' })
}

function between(min: string | undefined, max: string): string {
  return min === undefined ? `of at most ${max}` : `from ${min} to ${max}`
}
