/**
 * Loads the program from a folder: the bundle's chunks as CommonJS, each with the code that V8 made of it when the image
 * was built (`record.cjs`), so that a start compiles hardly anything. That is half of what a start costs. Node's own
 * compile cache would not do: it looks in a folder that is named after the processor's features and the user.
 *
 * Code that V8 will not take, being made by another build of it or under other options, is left aside, and compiled anew.
 */
'use strict'

const { closeSync, openSync, readFileSync, readSync } = require('node:fs')
const { createRequire } = require('node:module')
const { dirname, join, relative } = require('node:path')
const { Script } = require('node:vm')

/** What a chunk expects around it; `scripts/lib/image-code.ts` makes them so. */
const before = '(function(exports,require,module,__filename,__dirname,__moduleUrl){'
const after = '\n})'

/**
 * @param {string} folder with `sidekeep.js`, its chunks, and `code.json` and `code.bin` where there is recorded code
 * @param {Map<string, Script>} [scripts] takes each script that is loaded, by its path below the folder
 * @param {string} [called] the folder that the code is recorded for, whose name is in it
 */
exports.load = (folder, scripts, called = folder) => {
  const code = recorded(folder)
  /** By their paths; a module that is being loaded is in here too, as Node has it. */
  const modules = new Map()

  function load(file) {
    const known = modules.get(file)
    if (known !== undefined) return known.exports
    const module = { exports: {} }
    modules.set(file, module)
    try {
      run(file, module)
    } catch (error) {
      // Whoever wants it next shall not get it half made: it may be the disk that failed.
      modules.delete(file)
      throw error
    }
    return module.exports
  }

  function run(file, module) {
    const name = relative(folder, file)
    // All of it is ASCII, which V8 keeps in a byte a character.
    const script = new Script(before + readFileSync(file, 'latin1') + after, {
      filename: join(called, name),
      columnOffset: -before.length,
      cachedData: code(name),
    })
    scripts?.set(name, script)
    const nodes = createRequire(file)
    const required = (id) => (/^\.{1,2}\/.*\.js$/.test(id) ? load(join(dirname(file), id)) : nodes(id))
    script.runInThisContext()(module.exports, required, module, file, dirname(file), `file://${file}`)
  }

  load(join(folder, 'sidekeep.js'))
  return load
}

/** @returns by name, what was recorded of it; undefined where nothing was */
function recorded(folder) {
  let index
  try {
    index = JSON.parse(readFileSync(join(folder, 'code.json'), 'utf8'))
  } catch {
    return () => undefined
  }
  // Read piece by piece: kept in one buffer it would take as much memory as the program's own text.
  return (name) => {
    const place = index[name]
    if (place === undefined) return undefined
    const [position, length] = place
    const bytes = Buffer.allocUnsafeSlow(length)
    const descriptor = openSync(join(folder, 'code.bin'))
    const read = readSync(descriptor, bytes, 0, length, position)
    closeSync(descriptor)
    return read === length ? bytes : undefined
  }
}
