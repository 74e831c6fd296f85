/** Who is told that a file has changed. */
import { atKey, atValue } from '../issues.ts'
import { formatPath, type Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { NotificationConfig } from '../schema/notify.ts'
import { isPlainRemote } from '../schema/url.ts'
import type { FileConfig } from '../schema.ts'
import { type Crossing, type Findings, isWritten } from './finding.ts'

/** A notification has exactly one of these. */
const ways = ['http', 'signal', 'exec'] as const

export function notifyFindings(at: Path, { notify = [] }: FileConfig, raw: Raw): Findings {
  const each = notify.map((notification, index): Findings => {
    const path = [...at, 'notify', index]
    return {
      problems: [
        ...wayProblems(path, raw),
        ...headerProblems([...path, 'http', 'headers'], notification, raw),
      ],
      warnings: plainWarnings([...path, 'http', 'url'], notification),
    }
  })
  return {
    problems: each.flatMap(({ problems }) => problems),
    warnings: each.flatMap(({ warnings }) => warnings),
  }
}

function wayProblems(at: Path, raw: Raw): Crossing[] {
  // What was written and is wrong by itself is told elsewhere, and was meant.
  const [first, ...more] = ways.filter((way) => isWritten(raw, [...at, way]))
  const about = ways.map((way) => [...at, way])
  if (first === undefined) {
    const expected = 'one of http, signal and exec: how to tell'
    return [{ problem: atValue(at, expected, raw), about: [at, ...about] }]
  }
  const problems = more.map((way): Crossing => {
    const expected = `one of http, signal and exec: ${formatPath([...at, first])} says already how to tell`
    return { problem: atKey([...at, way], expected, raw), about }
  })
  const pidFile = [...at, 'pidFile']
  const isSignal = [first, ...more].includes('signal')
  if (isSignal && !isWritten(raw, pidFile)) {
    const expected = 'the path of the file with the id of the process that gets the signal'
    problems.push({ problem: atValue(pidFile, expected, raw), about: [pidFile, ...about] })
  }
  if (!isSignal && isWritten(raw, pidFile)) {
    const expected = 'nothing of that but beside signal'
    problems.push({ problem: atKey(pidFile, expected, raw), about: [pidFile, ...about] })
  }
  return problems
}

/** What the connection and the URL decide (RFC 9110, sections 7.2, 7.6.1 and 10.1.1): the client refuses it, or a server would be misled. */
const ofConnection = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'http2-settings', 'keep-alive'],
  ...['proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
])

function headerProblems(at: Path, { http }: NotificationConfig, raw: Raw): Crossing[] {
  const known = new Set<string>()
  return Object.keys(http?.headers ?? {}).flatMap((header): Crossing[] => {
    const path = [...at, header]
    const name = header.toLowerCase()
    const wrong = (expected: string): Crossing[] => [{ problem: atKey(path, expected, raw), about: [path] }]
    if (ofConnection.has(name)) return wrong('another header: this one the connection itself decides')
    if (known.has(name)) return wrong('each header once: upper and lower case are the same')
    known.add(name)
    return []
  })
}

function plainWarnings(at: Path, { http }: NotificationConfig): string[] {
  if (http === undefined || !isPlainRemote(http.url)) return []
  const headers = http.headers === undefined ? '' : ', and the headers,'
  return [
    `${formatPath(at)} is plain http to another host: the names of secrets${headers} travel unencrypted.`,
  ]
}
