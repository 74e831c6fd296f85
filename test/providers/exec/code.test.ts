import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codeArgument } from '../../../src/config/checks/exec-code.ts'
import fc from '../../support/property.ts'

/** What real programs make of a key that is at once a command, a script, and the path of a program. */
t.test('where a command passes, no real shell or launcher runs the key', (t) => {
  const dir = t.testdir({})
  const [key, ran, script] = [join(dir, 'key'), join(dir, 'ran'), join(dir, 'script')]
  writeFileSync(key, `#!/bin/sh\n: > ${ran}\n`)
  writeFileSync(script, 'exit 0\n')
  chmodSync(key, 0o755)
  const parts = fc.constantFrom(
    ...[
      '-c',
      '-cx',
      '-ce',
      '-ec',
      '-eo',
      '-co',
      '-o',
      '-x',
      '-e',
      '-i',
      '-S',
      '-u',
      '-k',
      '-s',
      '--',
      '-',
      '+e',
    ],
    ...[
      '--norc',
      '--rcfile',
      'errexit',
      'A=b',
      '5',
      ':',
      'true',
      script,
      'sh',
      'bash',
      'env',
      'timeout',
      'nice',
    ],
    ...['{key}', '{key}', 'true {key}', 'sh -c {key}'],
  )
  const commands = fc
    .tuple(
      fc.constantFrom('sh', 'bash', 'env', 'timeout', 'nice'),
      fc.array(parts, { minLength: 1, maxLength: 5 }),
      fc.constantFrom('{key}', ': {key}'),
    )
    .map(([program, middle, last]) => [program, ...middle, last])
  let passed = 0
  fc.assert(
    fc.property(commands, (command) => {
      if (codeArgument(command) !== undefined) return
      passed += 1
      const [program = '', ...args] = command.map((part) => part.replaceAll('{key}', key))
      try {
        execFileSync(program, args, {
          cwd: dir,
          env: { PATH: process.env.PATH },
          stdio: 'ignore',
          timeout: 2000,
        })
      } catch {
        // Most of these make no sense to their program; what counts is what it ran.
      }
      if (!existsSync(ran)) return
      rmSync(ran)
      throw new Error('the key was run')
    }),
    { numRuns: 1500 },
  )
  t.ok(passed > 30, `${passed} were run`)
  t.end()
})

t.test('what once ran the key is told', async (t) => {
  t.equal(codeArgument(['env', '--', 'A=b', '{key}']), 3)
  t.equal(codeArgument(['env', '-i', '--', 'A=b', 'C=d', 'true', '{key}']), undefined)
})
