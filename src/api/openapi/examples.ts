/** What answers look like, for the document. */

export const itemExample = {
  name: 'db/password',
  provider: 'platform',
  version: 'h-5f0c6ad9b1e27c44',
  state: 'fresh',
  fetchedAt: '2026-11-22T15:47:00.000Z',
  ageSeconds: 42,
  nextRefreshAt: '2026-11-22T15:57:00.000Z',
  required: true,
}

export const secretExample = {
  name: 'db/password',
  value: 's3cr3t',
  version: 'h-5f0c6ad9b1e27c44',
  fetchedAt: '2026-11-22T15:47:00.000Z',
  state: 'fresh',
}

export const explanationExample = {
  name: 'db/password',
  rule: 'db/*',
  provider: 'platform',
  key: 'prod/db/password',
  field: null,
  state: 'stale',
  required: true,
  version: 'h-5f0c6ad9b1e27c44',
  ageSeconds: 1_020,
  refreshSeconds: 600,
  freshSeconds: 600,
  maxStaleSeconds: 86_400,
  lease: null,
  fetchedAt: '2026-11-22T15:47:00.000Z',
  lastSuccessAt: '2026-11-22T15:47:00.000Z',
  lastError: {
    kind: 'unavailable',
    reason: 'timeout',
    message: 'platform did not answer within 5 s',
    at: '2026-11-22T16:03:48.000Z',
  },
  failures: 4,
  nextAttemptAt: '2026-11-22T16:04:12.000Z',
  expiresAt: '2026-11-23T15:47:00.000Z',
  fetching: false,
  breaker: { state: 'closed', cause: null, nextProbeAt: null },
  callersWaiting: 0,
  waiters: 3,
}

export const eventExample =
  'id: 9f1c2ab04d7e-17\nevent: rotated\ndata: {"id":"9f1c2ab04d7e-17","event":"rotated","name":"db/password","version":"8","time":"2026-11-22T15:57:00.000Z"}\n\n'
