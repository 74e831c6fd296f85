/** The peer of the same language: `node fastify.ts PORT UPSTREAM MAX`, `@fastify/http-proxy` behind `@fastify/rate-limit`. */
import httpProxy from '@fastify/http-proxy'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'

const [port, upstream = '', max] = process.argv.slice(2)
const app = Fastify({ logger: false })
await app.register(rateLimit, { max: Number(max), timeWindow: 1_000 })
await app.register(httpProxy, { upstream })
await app.listen({ port: Number(port), host: '127.0.0.1', backlog: 4_096 })
process.on('SIGTERM', () => process.exit(0))
