/** What the subjects are called in the tables, and where the aims look for them. */
export const names = {
  direct: 'direct, no proxy',
  plain: 'Sidekeep, no limits',
  limited: 'Sidekeep, two limits',
  redis: 'Sidekeep, two limits on Redis',
  fastify: '@fastify/http-proxy + rate-limit',
  nginx: 'nginx `limit_req`',
  haproxy: 'HAProxy stick tables',
} as const
