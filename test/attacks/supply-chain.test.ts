/**
 * The attack: the supply chain. A package is put in the place of another, or is shipped without anybody knowing of it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { verdictOf } from '../../scripts/lib/audit-verdict.ts'
import { faultsOfBill } from '../../scripts/lib/bill-of-materials.ts'
import { faultsOf, idOf, parseLockFile, production } from '../../scripts/lib/lock-file.ts'

const read = () =>
  parseLockFile(readFileSync(join(import.meta.dirname, '..', '..', 'package-lock.json'), 'utf8'))

t.test(
  'every package of the lock file has a version, a sha512 and no other source than a registry',
  async (t) => {
    const lock = read()
    t.ok(Object.keys(lock.packages).length > 100)
    t.strictSame(faultsOf(lock), [])
  },
)

t.test('a lock file without one of these is found out', async (t) => {
  const lock = read()
  const sha512 = `sha512-${'A'.repeat(86)}==`
  for (const [entry, fault] of [
    [{ version: '1.0.0' }, 'has no sha512'],
    [{ version: '1.0.0', integrity: 'sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }, 'has no sha512'],
    [{ version: 'git+https://host.example/a', integrity: sha512 }, 'has no version'],
    [
      { version: '1.0.0', integrity: sha512, resolved: 'http://host.example/a.tgz' },
      'does not come over https',
    ],
    [
      { version: '1.0.0', integrity: sha512, resolved: 'git+ssh://host.example/a' },
      'does not come over https',
    ],
    [{ version: '1.0.0', integrity: sha512, link: true }, 'is a link'],
  ] as const) {
    const packages = { ...lock.packages, 'node_modules/evil': entry }
    t.strictSame(faultsOf({ ...lock, packages }), [`node_modules/evil ${fault}`])
  }
})

const bill = (change: (ids: string[]) => string[] = (ids) => ids): string => {
  const components = change(production(read()).map(idOf)).map((id) => {
    const at = id.lastIndexOf('@')
    const [name, version] = [id.slice(0, at), id.slice(at + 1)]
    const hashes = [{ alg: 'SHA-512', content: 'ab' }]
    return { 'bom-ref': id, type: 'library', name, version, purl: `pkg:npm/${id}`, hashes, licenses: [{}] }
  })
  const own = {
    'bom-ref': 'sidekeep@0',
    type: 'application',
    name: 'sidekeep',
    version: '0',
    purl: 'pkg:npm/sidekeep@0',
  }
  return JSON.stringify({
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: 'urn:uuid:0',
    metadata: { component: own },
    components,
    dependencies: [{ ref: 'sidekeep@0', dependsOn: components.map((one) => one['bom-ref']) }],
  })
}

t.test('a bill of materials lists what is shipped, no more and no less', async (t) => {
  const lock = read()
  t.strictSame(faultsOfBill(bill(), lock), [])
  t.strictSame(
    faultsOfBill(
      bill((ids) => [...ids, 'evil@1.0.0']),
      lock,
    ),
    ['evil@1.0.0 is not shipped'],
  )
  const without = faultsOfBill(
    bill((ids) => ids.filter((id) => !id.startsWith('lru-cache@'))),
    lock,
  )
  t.equal(without.length, 1)
  t.match(without[0] ?? '', /^lru-cache@[\d.]+ is missing$/)
  t.not(faultsOfBill('{}', lock).length, 0)
})

t.test('an audit is clean only where the registry says so', async (t) => {
  const counts = (total: number) => ({ vulnerabilities: { total }, dependencies: { prod: 3 } })
  const hole = { evil: { severity: 'high', range: '<2' } }
  for (const [answer, verdict] of [
    [{ vulnerabilities: {}, metadata: counts(0) }, 'clean'],
    [{ vulnerabilities: hole, metadata: counts(1) }, 'holes'],
    [{ message: 'no such method', statusCode: 405 }, 'unjudged'],
    [{ message: 'busy', statusCode: 503 }, 'unanswered'],
    [{ message: 'getaddrinfo ENOTFOUND' }, 'unanswered'],
    [{}, 'unanswered'],
  ] as const) {
    t.equal(verdictOf(JSON.stringify(answer)).verdict, verdict)
  }
  t.equal(verdictOf('').verdict, 'unanswered')
  t.match(verdictOf(JSON.stringify({ vulnerabilities: hole, metadata: counts(1) })).detail, /evil <2: high/)
})
