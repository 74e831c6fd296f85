/**
 * Starts the program from a folder as a container would, with a secret from an environment variable, and writes the code
 * that V8 made of it by then: `code.bin`, with `code.json` to say what of it is whose. Run when the image is built, by the
 * Node that is in it.
 *
 *     node record.cjs FOLDER CONFIG FLAG-HASH NAME…
 *
 * The names are of chunks that are loaded as well, though nothing of them runs. The flag hash is V8's, in hexadecimal, of
 * the options that the image's executable has: V8 takes code only under those that it was made under, and this process
 * has more, so that its code is the same each time (`scripts/lib/image-code.ts`). None of them changes what code means.
 */
'use strict'

const { writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { load } = require('./load.cjs')

const [, , folder, config, flagHash, ...others] = process.argv
/** Where V8 has the hash of its options in what it makes (`SerializedCodeData`), in bytes. */
const flagHashAt = 12

const scripts = new Map()
process.argv.splice(2, Number.POSITIVE_INFINITY, 'run', '--config', config)
const more = load(folder, scripts, '/opt/sidekeep')

// Standard output tells when all has settled: the parent closes standard input then.
process.stdin.resume().once('end', () => {
  for (const name of others) more(join(folder, name))
  const index = {}
  const parts = []
  let position = 0
  for (const [name, script] of scripts) {
    const code = script.createCachedData()
    code.writeUInt32LE(Number.parseInt(flagHash, 16), flagHashAt)
    index[name] = [position, code.length]
    parts.push(code)
    position += code.length
  }
  writeFileSync(join(folder, 'code.bin'), Buffer.concat(parts))
  writeFileSync(join(folder, 'code.json'), JSON.stringify(index))
  process.kill(process.pid, 'SIGTERM')
})
