import { of, ours, type Row, rate } from './panel.ts'

export const health: Row = {
  title: 'Health',
  panels: [
    {
      title: 'Sidecars by version',
      description: 'How many are scraped.',
      type: 'stat',
      targets: [[`count by (version) (${of('sidekeep_build_info')})`, '{{version}}']],
    },
    {
      title: 'Not ready',
      description: 'Sidecars whose /readyz says no. Should be 0.',
      type: 'stat',
      targets: [[`count(${of('sidekeep_ready')} == 0) or vector(0)`, 'not ready']],
    },
    {
      title: 'Changes of the configuration that are not in force',
      description: 'Sidecars that refused the last one. Should be 0.',
      type: 'stat',
      targets: [[`sum(${of('sidekeep_config_reload_failing')})`, 'not in force']],
    },
    {
      title: 'Changes of the configuration',
      description: 'By how they ended.',
      targets: [
        [
          `sum by (outcome) (increase(${of('sidekeep_config_reload_total')}[$__rate_interval]))`,
          '{{outcome}}',
        ],
      ],
    },
    {
      title: 'Time since the configuration was last in force',
      description: 'The one that was read longest ago comes first.',
      unit: 's',
      targets: [
        [`max(time() - ${of('sidekeep_config_last_reload_success_timestamp_seconds')})`, 'the longest ago'],
      ],
    },
    {
      title: 'Until certificates end',
      description: 'Of listeners that serve HTTPS.',
      unit: 's',
      targets: [
        [
          `min by (listener) (${of('sidekeep_tls_certificate_expiry_timestamp_seconds')} - time())`,
          '{{listener}}',
        ],
      ],
    },
    {
      title: 'HTTPS',
      description: 'Certificates that were found, and connections on which no TLS came about.',
      targets: [
        [
          `sum by (outcome) (increase(${of('sidekeep_tls_reload_total')}[$__rate_interval]))`,
          'certificate {{outcome}}',
        ],
        [
          `sum(increase(${of('sidekeep_tls_handshake_failures_total')}[$__rate_interval]))`,
          'failed handshakes',
        ],
      ],
    },
    {
      title: 'Audit',
      description: 'Lines a second. Lost ones, and sidecars that cannot write, should be 0.',
      targets: [
        [`sum by (outcome) (${rate('sidekeep_audit_lines_total')})`, '{{outcome}}'],
        [`sum(${of('sidekeep_audit_failing')})`, 'sidecars that cannot write'],
      ],
    },
    {
      title: 'Values taken out of the log',
      description: 'Each is a fault to report, or a value that is an ordinary word.',
      targets: [[`sum(increase(${of('sidekeep_log_redactions_total')}[$__rate_interval]))`, 'values']],
    },
  ],
}

export const process: Row = {
  title: 'Process',
  panels: [
    {
      title: 'Memory',
      description: 'The largest sidecar, and the heap of the largest.',
      unit: 'bytes',
      targets: [
        [`max(${ours(of('process_resident_memory_bytes'))})`, 'resident'],
        [`max(${ours(of('nodejs_heap_size_used_bytes'))})`, 'heap'],
      ],
    },
    {
      title: 'Held secrets',
      description: 'Over all sidecars.',
      targets: [[`sum(${of('sidekeep_cache_entries')})`, 'secrets']],
    },
    {
      title: 'Size of the held secrets',
      description: 'With what belongs to them, in the largest cache.',
      unit: 'bytes',
      targets: [[`max(${of('sidekeep_cache_bytes')})`, 'cache']],
    },
    {
      title: 'CPU',
      description: 'Cores, of all sidecars and of the busiest.',
      targets: [
        [`sum(${ours(rate('process_cpu_seconds_total'))})`, 'all'],
        [`max(${ours(rate('process_cpu_seconds_total'))})`, 'the busiest'],
      ],
    },
    {
      title: 'Lag of the event loop',
      description: 'The 99th percentile of the worst sidecar. It is sampled every 50 ms, its floor.',
      unit: 's',
      targets: [[`max(${ours(of('nodejs_eventloop_lag_p99_seconds'))})`, 'worst']],
    },
    {
      title: 'Restarts',
      description: 'Of containers, in an hour.',
      targets: [[`sum(${ours(`changes(${of('process_start_time_seconds')}[1h])`)})`, 'restarts']],
    },
  ],
}
