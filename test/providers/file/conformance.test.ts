import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import { conformance, type Fault, type Harness, type Secrets } from '../conformance.ts'
import { fileProvider, Mount, unprivileged } from './support.ts'

const noNetwork = Object.fromEntries(
  [
    'reset before headers',
    'reset amid the body',
    'closed amid the body',
    'dripping byte by byte',
    'unknown certificate authority',
    'expired certificate',
    'certificate for another name',
    'host name without address',
  ].map((fault) => [fault, 'there is no network between the sidecar and its own file system']),
)

const always: Harness['inapplicable'] = {
  ...noNetwork,
  throttled: 'a file system never asks for fewer calls',
  failing: 'a file system has no status besides its error codes, which the fault "absent" shows',
  'never answering':
    'reading a local file cannot be made to hang; what could block, such as a pipe, is refused',
  waiting: 'reading a local file cannot be made to wait',
}

function directory(write: (path: string, secrets: Secrets) => void): Harness {
  return {
    async serve(t, secrets) {
      const path = t.testdir({})
      write(path, secrets)
      return await fileProvider(t, path)
    },
    faults: {
      absent: (t) => fileProvider(t, join(t.testdir({}), 'none')),
      denied: async (t) => {
        const path = t.testdir({ key: 'CANARY-1' })
        chmodSync(path, 0)
        return unprivileged(await fileProvider(t, path))
      },
      oversized: (t) => fileProvider(t, t.testdir({ a: '', b: '', key: '' }), { maxSecrets: 2 }),
    },
    inapplicable: { ...always, malformed: 'any bytes are a value' },
  }
}

function document(name: string, write: (secrets: Secrets) => string, broken: string): Harness {
  const at = (t: Test, content: string): string => {
    const path = join(t.testdir({}), name)
    writeFileSync(path, content)
    return path
  }
  const faults: Partial<Record<Fault, (t: Test) => ReturnType<typeof fileProvider>>> = {
    absent: (t) => fileProvider(t, join(t.testdir({}), name)),
    denied: async (t) => {
      const path = at(t, write(new Map([['key', Buffer.from('CANARY-1')]])))
      chmodSync(path, 0)
      return unprivileged(await fileProvider(t, path))
    },
    malformed: (t) => fileProvider(t, at(t, broken)),
    oversized: (t) => fileProvider(t, at(t, 'CANARY-'.repeat(20)), { maxBody: 100 }),
  }
  return {
    serve: (t, secrets) => fileProvider(t, at(t, write(secrets))),
    faults,
    inapplicable: { ...always, 'binary values': 'the format holds text' },
  }
}

function plain(secrets: Secrets): Record<string, string> {
  return Object.fromEntries([...secrets].map(([name, value]) => [name, value.toString('utf8')]))
}

function dotenv(secrets: Secrets): string {
  const quoted = (value: string): string => value.replaceAll(/[\\"$]/g, '\\$&').replaceAll('\n', '\\n')
  return Object.entries(plain(secrets))
    .map(([name, value]) => `${name}="${quoted(value)}"\n`)
    .join('')
}

conformance(
  'file: directory',
  directory((path, secrets) => {
    for (const [name, value] of secrets) writeFileSync(join(path, name), value)
    mkdirSync(join(path, 'no-secret'))
  }),
)
conformance(
  'file: Kubernetes mount',
  directory((path, secrets) => void new Mount(path, secrets)),
)
conformance(
  'file: JSON',
  document('s.json', (secrets) => JSON.stringify(plain(secrets)), '{"key":"CANARY-'),
)
conformance(
  'file: YAML',
  document('s.yaml', (secrets) => stringify(plain(secrets)), 'key: "CANARY-\n: ['),
)
conformance('file: dotenv', document('.env', dotenv, 'KEY="CANARY-unclosed\n'))
