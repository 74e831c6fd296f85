/** Bare node:http: reads answers by path from standard input, serves them and prints its address. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

interface Prepared {
  readonly status: number
  readonly headers: string[]
  readonly body: string
}

const answers = new Map<string, { status: number; headers: string[]; body: Buffer }>()
for (const [path, answer] of Object.entries(
  JSON.parse(await text(process.stdin)) as Record<string, Prepared>,
)) {
  answers.set(path, { ...answer, body: Buffer.from(answer.body) })
}

const server = createServer((request, response) => {
  const answer = answers.get(request.url ?? '')
  if (answer === undefined) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(answer.status, answer.headers)
  response.end(answer.body)
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`http://127.0.0.1:${port}\n`)
})
process.on('SIGTERM', () => process.exit(0))
