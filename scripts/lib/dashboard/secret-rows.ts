import { of, quantile, type Row, rate } from './panel.ts'

export const secrets: Row = {
  title: 'Freshness',
  panels: [
    {
      title: 'Secrets by state',
      description: 'Declared ones, over all sidecars. All but fresh should be 0.',
      targets: [[`sum by (state) (${of('sidekeep_secret_state')})`, '{{state}}']],
    },
    {
      title: 'Since the provider confirmed them',
      description: 'The oldest ten.',
      unit: 's',
      targets: [
        [
          `topk(10, max by (secret) (time() - ${of('sidekeep_secret_last_success_timestamp_seconds')}))`,
          '{{secret}}',
        ],
      ],
    },
    {
      title: 'Until they are no longer served',
      description: 'Unless the provider confirms them before. The ten that are next.',
      unit: 's',
      targets: [
        [
          `bottomk(10, min by (secret) (${of('sidekeep_secret_expiry_timestamp_seconds')} - time()))`,
          '{{secret}}',
        ],
      ],
    },
    {
      title: 'Rotations',
      description: 'Refreshes that brought another value. Without a name: those of patterns together.',
      targets: [
        [
          `sum by (secret) (increase(${of('sidekeep_secret_rotations_total')}[$__rate_interval]))`,
          '{{secret}}',
        ],
      ],
    },
    {
      title: 'Events',
      description: 'What became of secrets.',
      targets: [[`sum by (event) (increase(${of('sidekeep_events_total')}[$__rate_interval]))`, '{{event}}']],
    },
    {
      title: 'On a fallback',
      description: 'Sidecars that hold the secret from another place than the first.',
      targets: [[`sum by (secret) (${of('sidekeep_secret_on_fallback')})`, '{{secret}}']],
    },
  ],
}

export const providers: Row = {
  title: 'Providers',
  panels: [
    {
      title: 'Calls',
      description: 'A second, by how they ended.',
      unit: 'ops',
      targets: [
        [`sum by (provider, outcome) (${rate('sidekeep_refresh_total')})`, '{{provider}} {{outcome}}'],
      ],
    },
    {
      title: 'How long calls take',
      description: 'The 95th percentile.',
      unit: 's',
      targets: [[quantile(0.95, 'sidekeep_refresh_duration_seconds', 'le, provider'), '{{provider}}']],
    },
    {
      title: 'Up, and open circuit breakers',
      description: 'Up is the share of the sidecars that got an answer to their last call.',
      targets: [
        [`avg by (provider) (${of('sidekeep_provider_up')})`, '{{provider}} up'],
        [
          `sum by (provider, cause) (${of('sidekeep_provider_circuit_open')})`,
          '{{provider}} open for {{cause}}',
        ],
      ],
    },
    {
      title: 'Fallbacks and lists that shrank',
      description: 'Secrets that a spare place brought, and lists from which most had vanished.',
      targets: [
        [
          `sum by (provider) (increase(${of('sidekeep_fallback_served_total')}[$__rate_interval]))`,
          '{{provider}} in place of another',
        ],
        [
          `sum by (provider, verdict) (increase(${of('sidekeep_lists_shrunk_total')}[$__rate_interval]))`,
          '{{provider}} {{verdict}}',
        ],
      ],
    },
  ],
}
