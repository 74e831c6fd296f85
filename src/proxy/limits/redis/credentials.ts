import type { RedisConfig } from '../../../config/schema.ts'
import { isSecretPlace } from '../../../config/schema.ts'
import type { SecretValues } from '../../../secrets/values.ts'
import { passwordMissing, StoreError } from './failure.ts'

/** What one attempt to connect goes by. */
export interface Credentials {
  readonly password: string | undefined
  /** PEM. */
  readonly ca: string | undefined
}

/**
 * As they are now: they are read for each attempt, so that a rotation needs nothing else.
 *
 * @throws StoreError, or the CodedError of a place that cannot be read
 */
export async function readCredentials(
  { password, ca }: Pick<RedisConfig, 'password' | 'ca'>,
  values: Pick<SecretValues, 'read'>,
): Promise<Credentials> {
  const authorities = await ca?.read()
  if (password === undefined) return { password: undefined, ca: authorities }
  if (!isSecretPlace(password)) return { password: await password.read(), ca: authorities }
  const value = values.read(password)
  if (value === undefined || value === '') throw new StoreError(passwordMissing)
  return { password: value, ca: authorities }
}
