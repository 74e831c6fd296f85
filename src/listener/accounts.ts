import { readFile } from 'node:fs/promises'

/** The largest number of an account; the one above it means `leave as it is` to chown(2). */
const highest = 4_294_967_294

/** Where names of accounts are looked up. No library is asked: in a container these files are all that there is. */
export interface AccountFiles {
  readonly users: string
  readonly groups: string
}

export const systemAccounts: AccountFiles = { users: '/etc/passwd', groups: '/etc/group' }

/** The number of a user, given by name or number; undefined where nobody has the name. */
export async function userId(account: string, files = systemAccounts): Promise<number | undefined> {
  return await numberOf(account, files.users)
}

/** The number of a group, given by name or number; undefined where no group has the name. */
export async function groupId(account: string, files = systemAccounts): Promise<number | undefined> {
  return await numberOf(account, files.groups)
}

/** Both files have lines of fields between colons: the name, a password, the number (passwd(5), group(5)). */
async function numberOf(account: string, file: string): Promise<number | undefined> {
  if (/^\d+$/.test(account)) return inRange(Number(account))
  const text = await readFile(file, 'utf8').catch(() => '')
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':')
    if (name === account && number !== undefined && /^\d+$/.test(number)) return inRange(Number(number))
  }
  return undefined
}

function inRange(number: number): number | undefined {
  return number <= highest ? number : undefined
}
