/** Policies and signatures, where moto verifies both. */
import type { Moto } from './moto.ts'
import { check, fetched, parameterStore, secretsManager, signal, warnings } from './rig.ts'

export async function checkPermissions(moto: Moto): Promise<void> {
  const allowed = ['secretsmanager:GetSecretValue', 'ssm:GetParameters']
  await moto.iam('CreateUser', { UserName: 'reader' })
  await moto.iam('PutUserPolicy', {
    UserName: 'reader',
    PolicyName: 'read',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: allowed, Resource: '*' }],
    }),
  })
  const xml = await moto.iam('CreateAccessKey', { UserName: 'reader' })
  const member = (name: string): string => new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1] ?? ''
  await moto.enforce(true)
  process.env.AWS_ACCESS_KEY_ID = member('AccessKeyId')
  process.env.AWS_SECRET_ACCESS_KEY = member('SecretAccessKey')
  const secrets = await secretsManager()
  const parameters = await parameterStore()
  warnings.length = 0
  const both = await fetched(secrets, 'other', 'rotated')
  check(
    'policies: where batches are denied, each comes alone',
    both.get('other') === 'CANARY-other',
    both.get('other'),
  )
  const [warning = ''] = warnings
  check('policies: and that is told', warning.includes('Allow secretsmanager:BatchGetSecretValue'), warning)
  const plain = await fetched(parameters, 'plain')
  check(
    'policies: a signature that moto has verified',
    plain.get('plain') === 'CANARY-plain',
    plain.get('plain'),
  )
  for (const [provider, action] of [
    [secrets, 'secretsmanager:ListSecrets'],
    [parameters, 'ssm:DescribeParameters'],
  ] as const) {
    const error = await provider.listKeys?.(['*'], signal()).catch(String)
    check(
      `policies: ${action} is named where it lacks`,
      String(error).includes(`Allow ${action}`),
      String(error),
    )
  }

  // moto tells of both in XML, where AWS has JSON: what is left is the status.
  process.env.AWS_SECRET_ACCESS_KEY = 'CANARY-wrong'
  const wrong = (await fetched(await secretsManager(), 'other')).get('other') ?? ''
  check('signatures: a wrong key is denied', wrong.startsWith('denied: '), wrong)
  process.env.AWS_ACCESS_KEY_ID = 'AKIANOBODY'
  const unknown = (await fetched(await secretsManager(), 'other')).get('other') ?? ''
  check('signatures: an unknown key is denied', unknown.startsWith('denied: '), unknown)
  await moto.enforce(false)
}
