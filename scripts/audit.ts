/**
 * Judges what `npm audit --json` wrote to the file that is named: 0, it is clean; 1, it is not, and why; 2, there was no
 * answer, and another try may get one; 3, the registry tells of no holes at all, so that nothing can be said.
 */
import { readFileSync } from 'node:fs'
import { verdictOf } from './lib/audit-verdict.ts'

const [, , file = ''] = process.argv
const { verdict, detail } = verdictOf(readFileSync(file, 'utf8'))
console.log(detail)
process.exitCode = { clean: 0, holes: 1, unanswered: 2, unjudged: 3 }[verdict]
