/** nginx's configuration: what every one of ours needs, and the proxy with its limits. */
import { userInfo } from 'node:os'
import type { BenchLimit } from './limits.ts'

/** More than any measurement opens, on both sides of the proxy. */
const connections = 30_000

/**
 * @param place a path of which the pid file and the temporary folders are named
 */
export function nginxConfig(place: string, { http, server }: { http: string; server: string }): string {
  const { username, uid } = userInfo()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${place}-${kind};`,
  )
  return `${uid === 0 ? `user ${username};` : ''}
daemon off;
worker_processes 1;
pid ${place}.pid;
events { worker_connections ${connections}; }
http {
access_log off;
${temporary.join('\n')}
keepalive_timeout 75s;
keepalive_requests 1000000000;
client_max_body_size 0;
${http}
server {
${server}
}
}
`
}

/** The reverse proxy with `limit_req`, with connections to the upstream that are kept. */
export function nginxProxy(
  place: string,
  port: number,
  upstreamPort: number,
  limits: readonly BenchLimit[],
): string {
  const zone = ({ name, key, rate }: BenchLimit): string =>
    `limit_req_zone ${key === 'client-ip' ? '$binary_remote_addr' : '$server_port'} zone=${name}:10m rate=${rate}r/s;`
  return nginxConfig(place, {
    http: `${limits.map(zone).join('\n')}
limit_req_status 429;
limit_req_log_level info;
upstream app {
  server 127.0.0.1:${upstreamPort};
  keepalive 512;
  keepalive_requests 1000000000;
  keepalive_time 1d;
}`,
    // Streams as the others do, rather than through files.
    server: `listen 127.0.0.1:${port} backlog=4096;
location / {
  ${limits.map(({ name, burst }) => `limit_req zone=${name} burst=${burst} nodelay;`).join('\n  ')}
  proxy_pass http://app;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
}`,
  })
}
