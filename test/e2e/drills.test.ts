/** The drills of docs/operations.md, block by block, as somebody would paste them: each must print what the page says. */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../support/e2e-eventually.ts'
import { root, sources, startChild } from '../support/process-child.ts'
import { pathWithCurl } from '../support/process-shell.ts'
import { folderOf } from '../support/process-sidecar.ts'

const page = readFileSync(join(root, 'docs', 'operations.md'), 'utf8')
const [, drills = ''] = page.split(/^## Drills$/m)
const [section = ''] = drills.split(/^## /m)
const steps = [...section.matchAll(/^```sh\n(.*?)^```\n\n```text\n(.*?)^```$/gms)]
const curl = pathWithCurl()

t.test(
  'the drills of the manual print what it says',
  { skip: curl === undefined && 'no curl' },
  async (t) => {
    t.equal(steps.length, [...section.matchAll(/^```sh$/gm)].length, 'each block says what it prints')
    t.ok(steps.length >= 7)
    const folder = folderOf(t)
    const ports = ['--port', '--ops-port', '--provider-port', '--control-port'].flatMap((port) => [port, '0'])
    const demo = startChild(t, ['demo', ...ports], { env: { TMPDIR: folder } })
    const guide = await eventually('the guide', () => demo.stdout.includes('Ctrl-C') && demo.stdout)
    await eventually('the sidecar is ready', () => demo.stdout.includes('"ready: '))
    const of = (word: string): string => new RegExp(`^  ${word} +(\\S+)`, 'm').exec(guide)?.[1] ?? ''

    writeFileSync(join(folder, 'sidekeep'), `#!/bin/sh\nexec '${process.execPath}' '${sources}' "$@"\n`, {
      mode: 0o755,
    })
    const env = {
      PATH: `${folder}:${curl}`,
      SIDEKEEP_API: of('sidecar'),
      CONTROL: of('control'),
      CONFIG: of('config'),
    }
    for (const [, commands = '', expected = ''] of steps) {
      await t.test(commands.split('\n', 1)[0] ?? '', async (t) => {
        const { stdout, stderr, code } = await run(commands, env)
        t.equal(code, 0, stderr)
        const pattern = expected.trim().split('…').map(RegExp.escape).join('[^]*')
        t.match(stdout.replaceAll('\r', '').trim(), new RegExp(`^${pattern}$`))
      })
    }
  },
)

function run(commands: string, env: Record<string, string>) {
  const { promise, resolve } = Promise.withResolvers<{ stdout: string; stderr: string; code: unknown }>()
  execFile('/bin/sh', ['-c', commands], { env, timeout: 40_000 }, (error, stdout, stderr) =>
    resolve({ stdout, stderr, code: error === null ? 0 : (error.code ?? 1) }),
  )
  return promise
}
