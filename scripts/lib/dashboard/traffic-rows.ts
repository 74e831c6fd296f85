import { of, quantile, type Row, rate } from './panel.ts'

export const api: Row = {
  title: 'API',
  panels: [
    {
      title: 'Requests',
      description: 'A second, by route and status; 499: the caller left first.',
      unit: 'reqps',
      targets: [
        [`sum by (route, status) (${rate('sidekeep_api_requests_total')}) > 0`, '{{route}} {{status}}'],
      ],
    },
    {
      title: 'How long reads of a secret take',
      description: 'The median and the 99th percentile.',
      unit: 's',
      targets: [
        [
          `histogram_quantile(0.5, sum by (le) (${rate('sidekeep_api_request_duration_seconds_bucket', 'route="/v1/secrets/{name}"')}))`,
          'median',
        ],
        [
          `histogram_quantile(0.99, sum by (le) (${rate('sidekeep_api_request_duration_seconds_bucket', 'route="/v1/secrets/{name}"')}))`,
          '99th percentile',
        ],
      ],
    },
    {
      title: 'Reads and the cache',
      description: 'A second, by how they met the cache.',
      unit: 'reqps',
      targets: [[`sum by (result) (${rate('sidekeep_cache_requests_total')})`, '{{result}}']],
    },
    {
      title: 'Refused',
      description: 'A second, by why. Should be 0.',
      unit: 'reqps',
      targets: [[`sum by (reason) (${rate('sidekeep_api_refused_total')})`, '{{reason}}']],
    },
    {
      title: 'Waits and event streams',
      description: 'Open now.',
      targets: [
        [`sum(${of('sidekeep_waiting_requests')})`, 'waits'],
        [`sum(${of('sidekeep_event_streams')})`, 'event streams'],
      ],
    },
    {
      title: 'Connections and streams that were cut',
      description: 'To make room, or since they were not read.',
      targets: [
        [
          `sum by (reason) (increase(${of('sidekeep_connections_cut_total')}[$__rate_interval]))`,
          'connections: {{reason}}',
        ],
        [`sum(increase(${of('sidekeep_event_streams_dropped_total')}[$__rate_interval]))`, 'event streams'],
      ],
    },
  ],
}

export const proxy: Row = {
  title: 'Proxy',
  panels: [
    {
      title: 'Requests',
      description: 'A second, by status; 499: the client left first.',
      unit: 'reqps',
      targets: [[`sum by (status) (${rate('sidekeep_proxy_requests_total')})`, '{{status}}']],
    },
    {
      title: 'How long they take',
      description: 'The 95th percentile: as clients see it, and until the application began to answer.',
      unit: 's',
      targets: [
        [quantile(0.95, 'sidekeep_proxy_request_duration_seconds'), 'clients'],
        [quantile(0.95, 'sidekeep_proxy_upstream_duration_seconds'), 'application'],
      ],
    },
    {
      title: 'Beyond a limit',
      description: 'A second; shadow: not refused.',
      unit: 'reqps',
      targets: [[`sum by (limit, mode) (${rate('sidekeep_proxy_limited_total')})`, '{{limit}} {{mode}}']],
    },
    {
      title: 'Keys of limits',
      description: 'Remembered in one sidecar at the most.',
      targets: [[`max by (limit) (${of('sidekeep_proxy_limit_keys')})`, '{{limit}}']],
    },
    {
      title: 'Failures',
      description: 'Of the application, and of the store of the limits. Should be 0.',
      unit: 'reqps',
      targets: [
        [`sum by (reason) (${rate('sidekeep_proxy_upstream_errors_total')})`, 'application: {{reason}}'],
        [`sum by (reason) (${rate('sidekeep_proxy_limit_store_errors_total')})`, 'store: {{reason}}'],
      ],
    },
    {
      title: 'Under way',
      description: 'Requests that are not over, those that queue, and connections that became WebSockets.',
      targets: [
        [`sum(${of('sidekeep_proxy_in_flight')})`, 'in flight'],
        [`sum(${of('sidekeep_proxy_queue_depth')})`, 'in the queue'],
        [`sum(increase(${of('sidekeep_proxy_upgrades_total')}[$__rate_interval]))`, 'new WebSockets'],
      ],
    },
    {
      title: 'Bytes',
      description: 'Of bodies and of WebSockets.',
      unit: 'Bps',
      targets: [
        [`sum(${rate('sidekeep_proxy_received_bytes_total')})`, 'from clients'],
        [`sum(${rate('sidekeep_proxy_sent_bytes_total')})`, 'to clients'],
      ],
    },
  ],
}
