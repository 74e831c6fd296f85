/** How the image's program is loaded: chunks as CommonJS, with code that was recorded when the image was built. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { commonJsScope } from '../../scripts/lib/bundle.ts'
import { asCommonJs, layOut, record } from '../../scripts/lib/image-code.ts'

const executable = join(import.meta.dirname, '../../docker/executable')
const loader = join(executable, 'load.cjs')
const { execArgv } = JSON.parse(readFileSync(join(executable, 'sea-config.json'), 'utf8'))

/** As `npm run build` leaves a program: it says that it is ready, and ends when it is told to. */
const program = {
  'sidekeep.js': `#!/usr/bin/env node
${commonJsScope}
import { greet } from './chunks/greet-AAAAAAAA.js'
const { once } = require('node:events')
const place = import.meta.url + ' ' + import.meta.filename + ' ' + import.meta.dirname + ' ' + __filename
import('./chunks/late-BBBBBBBB.js').then(({ default: late, twice }) => {
  console.log(greet(process.argv[2]) + ' ' + late + ' ' + twice(2))
  console.log(place)
  console.log('"msg":"ready"')
})
process.once('SIGTERM', () => process.exit(0))
if (process.argv[2] === 'run') setInterval(() => {}, 1000)
export { once }
`,
  'chunks/greet-AAAAAAAA.js': `${commonJsScope}\nfunction greet(name) { return 'hello ' + name }\nexport { greet }\n`,
  'chunks/late-BBBBBBBB.js': `${commonJsScope}\nconst twice = (x) => x * 2\nexport { twice }\nexport default 'late'\n`,
  'chunks/probe-CCCCCCCC.js': `${commonJsScope}\nexport const probe = 1\n`,
}

function layOutProgram(t: Test, files: Record<string, string> = program): string {
  const folder = t.testdir({ dist: {}, laid: {} })
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, 'dist', name)), { recursive: true })
    writeFileSync(join(folder, 'dist', name), text)
  }
  layOut(join(folder, 'dist'), join(folder, 'laid'), [loader])
  return join(folder, 'laid')
}

/** Runs it as `begin.cjs` does, and says of each script whether V8 took the code that was recorded of it. */
function run(folder: string, options: readonly string[] = execArgv): { stdout: string; taken: boolean[] } {
  const watched = `const vm = require('node:vm'); const taken = []
vm.Script = class extends vm.Script { constructor(text, options) { super(text, options); taken.push(options.cachedData !== undefined && this.cachedDataRejected === false) } }
process.argv[2] = 'you'
require(${JSON.stringify(join(folder, 'load.cjs'))}).load(${JSON.stringify(folder)})
process.on('exit', () => console.log(JSON.stringify(taken)))`
  const { stdout, stderr, status } = spawnSync(process.execPath, [...options, '--eval', watched, 'you'], {
    encoding: 'utf8',
    env: {},
  })
  if (status !== 0) throw new Error(stderr)
  const lines = stdout.trim().split('\n')
  return { stdout: lines.slice(0, -1).join('\n'), taken: JSON.parse(lines.at(-1) ?? '') }
}

const recordIt = (folder: string): Promise<void> =>
  record({
    folder,
    recorder: join(executable, 'record.cjs'),
    node: process.execPath,
    options: execArgv,
    settling: 0,
  })

t.test(
  'what was an ES module works as CommonJS: names, import(), and what it asks of its place',
  async (t) => {
    const folder = layOutProgram(t)
    const { stdout, taken } = run(folder)
    const file = join(folder, 'sidekeep.js')
    t.equal(stdout, `hello you late 4\nfile://${file} ${file} ${folder} ${file}\n"msg":"ready"`)
    t.strictSame(taken, [false, false, false], 'nothing was recorded')
  },
)

t.test(
  'code is recorded of what a start loads, and of small chunks beside it, and V8 takes it',
  async (t) => {
    const folder = layOutProgram(t)
    await recordIt(folder)
    t.strictSame(
      Object.keys(JSON.parse(readFileSync(join(folder, 'code.json'), 'utf8'))).toSorted(),
      Object.keys(program).toSorted(),
    )
    const { stdout, taken } = run(folder)
    t.match(stdout, 'hello you late 4')
    t.strictSame(taken, [true, true, true])
  },
)

t.test('the same program gives the same code, wherever it lies', async (t) => {
  const [one, other] = [layOutProgram(t), join(t.testdirName, 'elsewhere', 'further', 'away')]
  cpSync(one, other, { recursive: true })
  await recordIt(one)
  await recordIt(other)
  t.ok(readFileSync(join(one, 'code.bin')).equals(readFileSync(join(other, 'code.bin'))))
})

t.test('code that does not fit is left aside, and the program runs', async (t) => {
  const folder = layOutProgram(t)
  await recordIt(folder)
  const { stdout, taken } = run(folder, [...execArgv, '--no-opt'])
  t.match(stdout, 'hello you late 4', 'under other options')
  t.strictSame(taken, [false, false, false])

  const whole = readFileSync(join(folder, 'code.bin'))
  writeFileSync(join(folder, 'code.bin'), whole.subarray(0, 100))
  t.match(run(folder).stdout, 'hello you late 4', 'broken off')
  writeFileSync(join(folder, 'code.json'), '{')
  t.match(run(folder).stdout, 'hello you late 4', 'an index that is none')
  rmSync(join(folder, 'code.json'))
  t.match(run(folder).stdout, 'hello you late 4', 'none')
})

t.test(
  'a chunk that could not be loaded is loaded anew the next time, and not handed out half made',
  async (t) => {
    const folder = layOutProgram(t, {
      'sidekeep.js': `${commonJsScope}
const attempt = () => import('./chunks/late-BBBBBBBB.js').then(({ late }) => console.log(late), (error) => console.log(error.message))
await0()
async function await0() { await attempt(); await attempt() }
`,
      'chunks/late-BBBBBBBB.js': `${commonJsScope}
export const late = 'late'
globalThis.times = (globalThis.times ?? 0) + 1
if (globalThis.times === 1) throw new Error('the disk')
`,
    })
    t.equal(run(folder).stdout, 'the disk\nlate')
  },
)

t.test('a program that does not start is an error, with what it said', async (t) => {
  const folder = layOutProgram(t, {
    ...program,
    'sidekeep.js': `${commonJsScope}\nconsole.error('it is broken')\nprocess.exit(3)\n`,
  })
  await t.rejects(recordIt(folder), { message: /\(3\):\nit is broken/ })
  t.notOk(existsSync(join(folder, 'code.bin')))
})

t.test('top-level await, which CommonJS has not, is refused when the image is built', async (t) => {
  t.throws(() => asCommonJs('await 1'), /[Tt]op-level await/)
})
