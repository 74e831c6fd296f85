/**
 * `npm run bench [-- --quick] [-- --write]`: measures the built bundle and prints tables; `--write` puts them into
 * docs/performance.md.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benchMemory, benchStartup } from './footprint.ts'
import { benchHttp } from './http.ts'
import { findLoadTool } from './support/load.ts'
import { machine } from './support/machine.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, write: { type: 'boolean' } } })
const quick = values.quick === true

execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/build.ts', import.meta.url))])
const tool = await findLoadTool()
const sections = [
  machine(tool.name),
  await benchStartup(quick ? 3 : 15),
  await benchMemory(tool, quick ? 2 : 30),
  await benchHttp({ tool, pairs: quick ? 1 : 5, seconds: quick ? 1 : 5 }),
]
const report = sections.join('\n\n')
process.stdout.write(`${report}\n`)
if (values.write === true) writeReport(report)

function writeReport(text: string): void {
  const file = new URL('../docs/performance.md', import.meta.url)
  const marks = ['<!-- begin: npm run bench -- --write -->', '<!-- end -->'] as const
  const page = readFileSync(file, 'utf8')
  const [before, rest = ''] = page.split(marks[0])
  const after = rest.split(marks[1])[1] ?? ''
  writeFileSync(file, `${before}${marks[0]}\n\n${text}\n\n${marks[1]}${after}`)
}
