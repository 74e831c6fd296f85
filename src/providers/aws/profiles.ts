import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The settings of a profile, of both shared files together. */
type Profile = ReadonlyMap<string, string>

/** What messages call a profile. A name of unusual characters may be a key that was put there by mistake. */
export function nameForMessages(profile = 'default'): string {
  return /^[\w.@-]{1,64}$/.test(profile) ? `the profile "${profile}"` : 'the profile that is set'
}

/** Whether the SDK would look at no profile: it takes the keys of the environment, unless a profile is asked for. */
export function isWithoutProfile(profile: string | undefined): boolean {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env
  return profile === undefined && Boolean(AWS_ACCESS_KEY_ID) && Boolean(AWS_SECRET_ACCESS_KEY)
}

/**
 * The profile that has `credential_process`, among the one that is used and those that it takes its credentials from.
 * Undefined where there is none.
 */
export async function profileWithProcess(start = 'default'): Promise<string | undefined> {
  const profiles = await readProfiles()
  const seen = new Set<string>()
  for (let name: string | undefined = start; name !== undefined && !seen.has(name); ) {
    seen.add(name)
    const profile = profiles.get(name)
    if (profile?.has('credential_process') === true) return name
    name = profile?.get('source_profile')
  }
  return undefined
}

async function readProfiles(): Promise<Map<string, Profile>> {
  const { AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, HOME } = process.env
  const folder = join(HOME || homedir(), '.aws')
  const files = [
    [AWS_CONFIG_FILE || join(folder, 'config'), true],
    [AWS_SHARED_CREDENTIALS_FILE || join(folder, 'credentials'), false],
  ] as const
  const profiles = new Map<string, Map<string, string>>()
  for (const [file, isConfig] of files) addProfiles(profiles, await textOf(file, HOME), isConfig)
  return profiles
}

/** Like the SDK, which takes a file that cannot be read for an empty one. */
async function textOf(file: string, home: string | undefined): Promise<string> {
  const path = file.startsWith('~/') ? join(home || homedir(), file.slice(2)) : file
  return await readFile(path, 'utf8').catch(() => '')
}

/** The form of the shared files: sections in brackets, settings with `=`, comments after `#` or `;`. */
function addProfiles(profiles: Map<string, Map<string, string>>, text: string, isConfig: boolean): void {
  let current: Map<string, string> | undefined
  for (const line of text.split(/\r?\n/)) {
    const [written = ''] = line.split(/(?:^|\s)[;#]/)
    const section = /^\s*\[(.*)\]\s*$/.exec(written)?.[1]
    if (section !== undefined) {
      const name = profileName(section, isConfig)
      current = name === undefined ? undefined : (profiles.get(name) ?? new Map<string, string>())
      if (name !== undefined && current !== undefined) profiles.set(name, current)
      continue
    }
    const [, name, value] = /^([^=]+)=(.*)$/.exec(written) ?? []
    if (name !== undefined && value !== undefined) current?.set(name.trim(), value.trim())
  }
}

/** In the configuration file `[profile NAME]` and `[default]`, in the other one the name alone; the SDK takes both there. */
function profileName(section: string, isConfig: boolean): string | undefined {
  const prefixed = /^\s*profile\s+(["']?)(.*?)\1\s*$/.exec(section)?.[2]
  if (prefixed !== undefined) return prefixed
  return isConfig && section !== 'default' ? undefined : section
}
