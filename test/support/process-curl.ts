/**
 * Stands in for curl where a machine has none, so that the lines which the demo prints can be run as they stand. It
 * knows what those lines use, `-i`, `-H` and `-X`, and refuses anything else: a line that it cannot run as curl would
 * must not pass.
 */
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'

let method = 'GET'
let showHead = false
const headers: Record<string, string> = {}
const urls: string[] = []

const args = process.argv.slice(2)
for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
  if (arg === '-i') showHead = true
  else if (arg === '-X') method = args.shift() ?? refuse('-X wants a method')
  else if (arg === '-H') {
    const [, name, value] = /^([^:]+): (.*)$/.exec(args.shift() ?? '') ?? []
    headers[name ?? refuse('-H wants "Name: value"')] = value ?? ''
  } else if (arg.startsWith('-')) refuse(`${arg} is not known`)
  else urls.push(arg)
}
const [url = refuse('no URL'), ...others] = urls
if (others.length > 0) refuse('more than one URL')

const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
request(url, { method, headers: { accept: '*/*', ...headers }, agent: false, timeout: 10_000 }, resolve)
  .on('error', reject)
  .end()
try {
  const response = await promise
  const body = await buffer(response)
  if (showHead) {
    const { httpVersion, statusCode, statusMessage, rawHeaders } = response
    const lines = rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [],
    )
    process.stdout.write(
      `HTTP/${httpVersion} ${statusCode} ${statusMessage}\r\n${lines.join('\r\n')}\r\n\r\n`,
    )
  }
  process.stdout.write(body)
} catch {
  // As curl does where nobody listens.
  process.exitCode = 7
}

function refuse(what: string): never {
  process.stderr.write(`curl stand-in: ${what}\n`)
  process.exit(2)
}
