import { of, type Row } from './panel.ts'

export const files: Row = {
  title: 'Files',
  panels: [
    {
      title: 'Files that are not as their secrets are',
      description: 'Sidecars that have not brought the file up to date. Should be 0.',
      targets: [[`count by (file) (${of('sidekeep_file_current')} == 0)`, '{{file}}']],
    },
    {
      title: 'Writes',
      description: 'Files that were written anew, and those that could not be.',
      targets: [
        [`sum by (file) (increase(${of('sidekeep_file_writes_total')}[$__rate_interval]))`, '{{file}}'],
        [
          `sum by (file, reason) (increase(${of('sidekeep_file_write_failures_total')}[$__rate_interval]))`,
          '{{file}} {{reason}}',
        ],
      ],
    },
    {
      title: 'Since they were written',
      description: 'The one that was written longest ago.',
      unit: 's',
      targets: [[`max by (file) (time() - ${of('sidekeep_file_last_write_timestamp_seconds')})`, '{{file}}']],
    },
    {
      title: 'Secrets in files',
      description: 'The fewest in one sidecar.',
      targets: [[`min by (file) (${of('sidekeep_file_secrets')})`, '{{file}}']],
    },
    {
      title: 'Notifications',
      description: 'Attempts to tell of a change, by how they ended.',
      targets: [
        [
          `sum by (kind, outcome) (increase(${of('sidekeep_file_notifications_total')}[$__rate_interval]))`,
          '{{kind}} {{outcome}}',
        ],
      ],
    },
  ],
}
