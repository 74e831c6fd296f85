/** Secrets Manager: versions, batches, deletion, lists. */
import type { Moto } from './moto.ts'
import { check, fetched, secretsManager, signal } from './rig.ts'

export async function checkSecrets(moto: Moto): Promise<void> {
  const provider = await secretsManager()
  await checkVersions(moto)
  await checkDeletion(moto)

  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  await moto.call('secretsmanager.CreateSecret', { Name: 'binary', SecretBinary: bytes.toString('base64') })
  for (const keys of [['binary'], ['binary', 'rotated']]) {
    const result = (await provider.fetch(keys, signal())).get('binary')
    const isSame = result !== undefined && 'value' in result && result.value.reveal().equals(bytes)
    check(`binary: every byte comes through (${keys.length === 1 ? 'alone' : 'in a batch'})`, isSame)
  }

  const names = Array.from({ length: 260 }, (_, n) => `many/secret-${n}`)
  for (const name of names) await moto.createSecret(name, `CANARY-${name}`)
  const listed = await provider.listKeys?.(['many/*'], signal())
  check('list: 260 secrets come in pages, and no other', equal(listed, names), String(listed?.length))
  const few = await (await secretsManager({ maxSecrets: 100 })).listKeys?.(['many/*'], signal()).catch(String)
  check('list: more than maxSecrets is an error', String(few).includes('more than 100 secrets'), String(few))
  const all = await fetched(provider, ...names)
  const wrong = names.filter((name) => all.get(name) !== `CANARY-${name}`)
  check('batches: 260 secrets get their own values', wrong.length === 0, wrong.join())

  await moto.call('secretsmanager.TagResource', {
    SecretId: 'many/secret-7',
    Tags: [{ Key: 'team', Value: 'payments' }],
  })
  const tagged = await secretsManager({ filters: [{ key: 'tag-key', values: ['team'] }] })
  const found = await tagged.listKeys?.(['many/*'], signal())
  check('list: a configured filter counts', equal(found, ['many/secret-7']), String(found))
}

async function checkVersions(moto: Moto): Promise<void> {
  const provider = await secretsManager()
  const arn = await moto.createSecret('rotated', 'CANARY-first')
  await moto.createSecret('other', 'CANARY-other')
  const second = await moto.putSecret('rotated', 'CANARY-second')
  const partial = arn.slice(0, -7)
  const keys = ['rotated', arn, partial, 'other', 'rotated?stage=AWSPREVIOUS', `rotated?version=${second}`]
  const result = await fetched(provider, ...keys)
  const expected = ['second', 'second', 'second', 'other', 'first', 'second'].map((text) => `CANARY-${text}`)
  for (const [at, key] of keys.entries()) {
    check(
      `versions: ${key.replaceAll(/[0-9a-f-]{36}/g, 'ID')}`,
      result.get(key) === expected[at],
      result.get(key),
    )
  }
  const third = await moto.putSecret('rotated', 'CANARY-third')
  const after = await provider.fetch(['rotated', 'other'], signal())
  const rotated = after.get('rotated')
  const version = rotated !== undefined && 'version' in rotated ? rotated.version : undefined
  check('versions: a rotation brings the new version', version === third, String(version))
  const former = (await fetched(provider, 'rotated?stage=AWSPREVIOUS')).get('rotated?stage=AWSPREVIOUS')
  check('versions: and AWSPREVIOUS the one before', former === 'CANARY-second', former)
}

async function checkDeletion(moto: Moto): Promise<void> {
  const provider = await secretsManager()
  await moto.createSecret('deleted', 'CANARY-deleted')
  await moto.call('secretsmanager.DeleteSecret', { SecretId: 'deleted', RecoveryWindowInDays: 7 })
  for (const keys of [['deleted'], ['deleted', 'other', 'gone']]) {
    const result = await fetched(provider, ...keys)
    const words = result.get('deleted') ?? ''
    check('deletion: it is missing, in words', /^missing: .*marked for deletion/.test(words), words)
    if (keys.length === 1) continue
    check('deletion: the others come', result.get('other') === 'CANARY-other', result.get('other'))
    check(
      'missing: what never was',
      /^missing: .*no secret with the key "gone"/.test(result.get('gone') ?? ''),
    )
  }
  const listed = await provider.listKeys?.(['del*'], signal())
  check('deletion: it is not listed', equal(listed, []), String(listed))
  await moto.call('secretsmanager.RestoreSecret', { SecretId: 'deleted' })
  const restored = (await fetched(provider, 'deleted')).get('deleted')
  check('deletion: restored, it is back', restored === 'CANARY-deleted', restored)
}

function equal(found: readonly string[] | undefined, expected: readonly string[]): boolean {
  return found?.toSorted().join() === expected.toSorted().join()
}
