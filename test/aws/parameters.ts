/** The Parameter Store: types, versions and labels, paths and lists. */
import type { Moto } from './moto.ts'
import { check, fetched, parameterStore, shown, signal } from './rig.ts'

export async function checkParameters(moto: Moto): Promise<void> {
  const provider = await parameterStore()
  for (const n of [1, 2, 3]) await moto.putParameter('/app/db', `CANARY-db-${n}`)
  await moto.call('AmazonSSM.LabelParameterVersion', {
    Name: '/app/db',
    ParameterVersion: 2,
    Labels: ['live'],
  })
  await moto.putParameter('plain', 'CANARY-plain', { Type: 'String' })
  await moto.putParameter('list', 'CANARY-a,CANARY-b', { Type: 'StringList' })
  const arn = 'arn:aws:ssm:eu-central-1:123456789012:parameter/app/db'
  const expected = new Map([
    ['/app/db', 'CANARY-db-3'],
    ['/app/db:1', 'CANARY-db-1'],
    ['/app/db:live', 'CANARY-db-2'],
    [arn, 'CANARY-db-3'],
    ['plain', 'CANARY-plain'],
    ['list', 'CANARY-a,CANARY-b'],
  ])
  const result = await fetched(provider, ...expected.keys(), '/app/gone', '/app/db:9', 'plain:nolabel')
  for (const [key, value] of expected) check(`parameters: ${key}`, result.get(key) === value, result.get(key))
  for (const key of ['/app/gone', '/app/db:9', 'plain:nolabel']) {
    check(`parameters: ${key} is missing`, result.get(key)?.startsWith('missing: ') ?? false, result.get(key))
  }
  const one = (await provider.fetch(['/app/db'], signal())).get('/app/db')
  check('parameters: the version is theirs', one !== undefined && 'version' in one && one.version === '3')

  const names = Array.from({ length: 55 }, (_, n) => `/many/${n % 3 === 0 ? 'deep/' : ''}p-${n}`)
  for (const name of names) await moto.putParameter(name, `CANARY-${name}`)
  await moto.putParameter('/manyother', 'CANARY-other')
  for (const path of ['/many', '/many/']) {
    const below = await parameterStore({ path })
    const all = shown((await below.fetchAll?.(signal())) ?? new Map())
    const isAll = all.size === names.length && names.every((name) => all.get(name) === `CANARY-${name}`)
    check(`path: ${path} brings what is below it, over all pages, decrypted`, isAll, String(all.size))
  }
  const listed = await provider.listKeys?.(['/many/*'], signal())
  check(
    'list: by what patterns begin with',
    listed?.toSorted().join() === names.toSorted().join(),
    String(listed),
  )
  const batches = await fetched(provider, ...names)
  check(
    'batches: each parameter gets its own value',
    names.every((name) => batches.get(name) === `CANARY-${name}`),
  )
}
