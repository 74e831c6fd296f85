/**
 * The attacker, in a process of its own: opens many connections at once and does on each what its name says. Told over
 * IPC; tells how many were opened and how many have been cut.
 */
import { connect, type Socket } from 'node:net'
import type { FloodOrder, FloodReport } from './flood.ts'

const head = (line: string): string => `${line} HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n`
const inPart = `${head('GET /v1/secrets/db-password')}X-Padding: ${'x'.repeat(1_000)}`

/** What is sent at once, and whether a byte of it goes on the way each second. */
const kinds = {
  silent: { first: '', drips: false, reads: true },
  idle: { first: `${head('GET /v1/secrets/db-password')}\r\n`, drips: false, reads: true },
  'slow-head': { first: inPart, drips: true, reads: true },
  'slow-body': {
    first: `${head('POST /v1/refresh/db-password')}Content-Length: 900\r\n\r\n`,
    drips: true,
    reads: true,
  },
  'never-reading': { first: `${head('GET /v1/secrets/big?format=raw')}\r\n`, drips: false, reads: false },
} as const

export type FloodKind = keyof typeof kinds

const open = new Set<Socket>()
const report: FloodReport = { connected: 0, cut: 0 }

process.on('message', (order: FloodOrder) => {
  for (let at = 0; at < order.count; at += 1) {
    const kind = order.kinds[at % order.kinds.length]
    if (kind !== undefined) attack(order, kind)
  }
  setInterval(() => {
    for (const socket of open) socket.write('x')
  }, 1_000)
  setInterval(() => process.send?.(report), 20)
})
process.on('disconnect', () => process.exit())

function attack(order: FloodOrder, kind: FloodKind): void {
  const { first, drips, reads } = kinds[kind]
  const socket = connect({ host: '127.0.0.1', port: order.port })
  if (!reads) socket.pause()
  else socket.resume()
  socket.on('error', () => {})
  socket.once('connect', () => {
    report.connected += 1
    if (first !== '') socket.write(first)
    if (drips) open.add(socket)
  })
  socket.once('close', () => {
    open.delete(socket)
    report.cut += 1
    if (order.comesBack) attack(order, kind)
  })
}
