import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { answer } from '../support/backend.ts'
import { createAuthority } from '../support/certificates.ts'
import { hostName } from './support/configuration.ts'
import { faultMatrix } from './support/matrix.ts'
import type { Row } from './support/row.ts'

const ours = createAuthority('ours')
const foreign = createAuthority('foreign')
const next = createAuthority('next')
const good = ours.issue({ names: [hostName] })
const secure = (): { tls: typeof good; ca: string } => ({ tls: good, ca: ours.ca })
const failing = { log: ['unavailable tls', 'breaker opens'] }

/** The backend shows another certificate, and later the good one again. */
function shows(id: string, fault: string, certificate: typeof good): Row {
  return {
    id,
    fault,
    scene: secure,
    begin: ({ backend }) => backend.present(certificate),
    end: ({ backend }) => backend.present(good),
    expected: failing,
  }
}

/** The file of the certificate authority, of the scene that is running. */
let authorityFile = ''

const rows: readonly Row[] = [
  shows('expired', 'the certificate has expired', ours.issue({ names: [hostName], expired: true })),
  shows(
    'wrong-name',
    'the certificate is for another name',
    ours.issue({ names: ['elsewhere.sidekeep.test'] }),
  ),
  shows('unknown', 'the certificate is from an unknown authority', foreign.issue({ names: [hostName] })),
  {
    ...shows(
      'rotated',
      'the certificate is replaced by another of the same authority',
      ours.issue({ names: [hostName] }),
    ),
    expected: { held: '200 fresh', first: '200 fresh', start: '200 fresh', log: [] },
  },
  {
    id: 'authority-late',
    fault: 'the authority is replaced at the backend, and later in the file that `ca` names',
    scene(t) {
      authorityFile = join(t.testdir(), 'ca.pem')
      writeFileSync(authorityFile, ours.ca)
      // One call at a time: the thread pool reads the file, and would decide which of the keys is the first to fail.
      return { tls: good, ca: { file: authorityFile }, maxConcurrentCalls: 1 }
    },
    begin: ({ backend }) => backend.present(next.issue({ names: [hostName] })),
    end: () => writeFileSync(authorityFile, next.ca),
    once: true,
    expected: failing,
  },
  {
    id: 'downgrade',
    fault: 'a redirect from https to http',
    scene: secure,
    begin({ backend }) {
      const location = `http://${hostName}:${backend.port}/secrets`
      backend.handler = answer(302, 'CANARY-moved', { location })
    },
    expected: { log: ['unavailable redirect', 'breaker opens'] },
  },
]

await faultMatrix(t, 'tls', rows)
