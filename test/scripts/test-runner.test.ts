import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { judgeCoverage } from '../../scripts/lib/coverage.ts'
import { countsOf, failuresOf, nameOf } from '../../scripts/lib/tap-report.ts'

const root = join(import.meta.dirname, '..', '..')

const source = 'export function half(x: number): number {\n  return x / 2\n}\n'
const passing =
  "import t from 'tap'\nimport { half } from '../src/half.ts'\nt.test('halves', async (t) => { t.equal(half(4), 2); t.equal(half(2), 1) })\n"
const failing = "import t from 'tap'\nt.test('adds', async (t) => { t.equal(1 + 1, 3) })\n"

/** A project with these files, this project's packages and its real test runner. Outside of tap's own folder, which tap never covers. */
function project(
  t: Test,
  files: Record<string, string>,
): (...args: string[]) => { status: number | null; stdout: string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sidekeep-test-')))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const shared of ['package.json', 'tsconfig.json', '.taprc', 'scripts']) {
    cpSync(join(root, shared), join(folder, shared), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return (...args) =>
    spawnSync(process.execPath, [join(folder, 'scripts', 'test.ts'), ...args], {
      // Not this test's own environment, in which tap would take itself for a child of the tap that runs us.
      env: { PATH: process.env.PATH ?? '' },
      encoding: 'utf8',
    })
}

const lastLine = (text: string): string | undefined => text.trimEnd().split('\n').at(-1)

t.test('a full run counts test points, and the coverage threshold as one more', async (t) => {
  const run = project(t, {
    'src/half.ts': source,
    'src/types.ts': 'export interface A {}\n',
    'test/half.test.ts': passing,
  })
  const { status, stdout } = run()
  t.match(stdout, 'coverage: 100.0 % of the lines of src/')
  t.equal(lastLine(stdout), '3 passed, 0 failed')
  t.equal(status, 0)
})

t.test('a failed point is shown with its place and fails the run', async (t) => {
  const run = project(t, { 'src/half.ts': source, 'test/half.test.ts': passing, 'test/sum.test.ts': failing })
  const { status, stdout } = run()
  t.match(stdout, /test\/sum\.test\.ts\nadds\nnot ok 1 - should be equal\n[\s\S]*lineNumber: 2/)
  t.match(
    stdout,
    /\nFAILED \S*test\/sum\.test\.ts > adds > should be equal\ncoverage: /,
    'in short, at the end of the log',
  )
  t.equal(lastLine(stdout), '3 passed, 1 failed')
  t.equal(status, 1)
})

t.test('a file of src/ that no test loads fails a full run, however well the rest is covered', async (t) => {
  const run = project(t, { 'src/half.ts': source, 'src/forgotten.ts': source, 'test/half.test.ts': passing })
  const { status, stdout } = run()
  t.match(stdout, 'coverage: no test loads src/forgotten.ts')
  t.equal(lastLine(stdout), '2 passed, 1 failed')
  t.equal(status, 1)
})

t.test('what only a child process runs is covered too, even in an empty environment', async (t) => {
  const spawning = [
    "import t from 'tap'",
    "import { spawn } from 'node:child_process'",
    "import { once } from 'node:events'",
    "const child = spawn(process.execPath, ['src/half.ts'], { env: {}, stdio: 'ignore' })",
    "t.strictSame(await once(child, 'close'), [0, null])",
  ]
  const run = project(t, { 'src/half.ts': `${source}half(2)\n`, 'test/half.test.ts': spawning.join('\n') })
  const { status, stdout } = run()
  t.match(stdout, 'coverage: 100.0 % of the lines of src/')
  t.equal(status, 0)
})

t.test('chosen files run without the coverage threshold', async (t) => {
  const run = project(t, {
    'src/half.ts': source,
    'src/forgotten.ts': source,
    'test/half.test.ts': passing,
    'test/sum.test.ts': failing,
  })
  const { status, stdout } = run('test/half.test.ts')
  t.equal(lastLine(stdout), '2 passed, 0 failed')
  t.equal(status, 0)
})

t.test('a run without tests is no success', async (t) => {
  const { status, stdout } = project(t, { 'src/half.ts': source })()
  t.match(lastLine(stdout), /^0 passed, [1-9]/)
  t.not(status, 0)
})

t.test('the counts are those at the end of the stream', async (t) => {
  t.strictSame(
    countsOf(
      '# { total: 9, pass: 9 }\nok 1\n# { total: 5, pass: 2, fail: 1, skip: 1, todo: 1 }\n# time=1ms\n',
    ),
    {
      passed: 2,
      failed: 1,
      left: 2,
    },
  )
  t.equal(countsOf('TAP version 14\nok 1 - broken off'), undefined)
  t.equal(countsOf('    # { total: 1, pass: 1 }'), undefined, "a subtest's own summary is not the whole")
})

t.test('of nested failures the innermost is shown, once, and the next one again', async (t) => {
  const tap = `TAP version 14
# Subtest: a.test.ts
    # Subtest: one
        not ok 1 - should be equal
          ---
          diff: here
          ...
        ok 2 - fine
        not ok 3 - left for later # TODO
        1..3
    not ok 1 - one
    # Subtest: two
        ok 1 - fine
        1..1
    not ok 2 - two
    1..2
not ok 1 - a.test.ts
not ok 2 - timeout!
1..2
`
  t.strictSame(failuresOf(tap), [
    'a.test.ts\none\nnot ok 1 - should be equal\n          diff: here',
    'a.test.ts\nnot ok 2 - two',
    'not ok 2 - timeout!',
  ])
  t.strictSame(failuresOf(tap).map(nameOf), [
    'a.test.ts > one > should be equal',
    'a.test.ts > two',
    'timeout!',
  ])
})

t.test('coverage is judged over the lines of src/ together', async (t) => {
  const folder = t.testdir({ src: { 'a.ts': 'export const a = 1\n', 'b.ts': 'export const b = 1\n' } })
  const judge = (a: number, b: number): ReturnType<typeof judgeCoverage> =>
    judgeCoverage(
      folder,
      {
        total: { lines: { total: 1, covered: 1 } },
        [join(folder, 'src', 'a.ts')]: { lines: { total: 90, covered: a } },
        [join(folder, 'src', 'b.ts')]: { lines: { total: 10, covered: b } },
        [join(folder, 'test', 'helper.ts')]: { lines: { total: 1000, covered: 0 } },
      },
      95,
    )
  t.strictSame(judge(90, 5), {
    ok: true,
    message: 'coverage: 95.0 % of the lines of src/, at least 95 % is asked',
  })
  t.strictSame(judge(90, 4), {
    ok: false,
    message:
      'coverage: 94.0 % of the lines of src/, at least 95 % is asked; most uncovered lines: src/b.ts (6), src/a.ts (0)',
  })
  t.equal(judgeCoverage(t.testdir({ src: {} }), {}, 95).ok, false, 'nothing covered is not enough')
})
