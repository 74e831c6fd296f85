/** Roles: what is assumed counts for one provider alone. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Moto } from './moto.ts'
import { check, fetched, scratch, secretsManager } from './rig.ts'

const elsewhere = '111122223333'

/** A role of another account, which has a secret `of-account`. */
export const roleArn = `arn:aws:iam::${elsewhere}:role/reader`

export async function checkRoles(moto: Moto): Promise<void> {
  await moto.createSecret('of-account', 'CANARY-of-ours')
  await moto.createSecret('of-account', 'CANARY-of-theirs', elsewhere)
  const assumed = await secretsManager({ roleArn, externalId: 'contract', sessionName: 'check' })
  const plain = await secretsManager()
  for (const round of [1, 2]) {
    const theirs = (await fetched(assumed, 'of-account')).get('of-account')
    const ours = (await fetched(plain, 'of-account')).get('of-account')
    check(`roles: the secret of the role's account (${round})`, theirs === 'CANARY-of-theirs', theirs)
    check(`roles: and beside it that of our own (${round})`, ours === 'CANARY-of-ours', ours)
  }

  const token = join(scratch, 'token')
  writeFileSync(token, 'CANARY-jwt')
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = process.env
  delete process.env.AWS_ACCESS_KEY_ID
  delete process.env.AWS_SECRET_ACCESS_KEY
  Object.assign(process.env, { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: token })
  const identity = (await fetched(await secretsManager(), 'of-account')).get('of-account')
  check('roles: a web identity (IRSA)', identity === 'CANARY-of-theirs', identity)
  delete process.env.AWS_ROLE_ARN
  delete process.env.AWS_WEB_IDENTITY_TOKEN_FILE
  const nobody = (await fetched(await secretsManager(), 'of-account')).get('of-account') ?? ''
  check('roles: without credentials that is told', nobody.includes('credentials: none were found'), nobody)
  Object.assign(process.env, { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY })
}
