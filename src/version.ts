import { readFileSync } from 'node:fs'

/** Set by the build, so that the bundle needs no package.json beside it. */
declare const __SIDEKEEP_VERSION__: string | undefined

export const version: string =
  typeof __SIDEKEEP_VERSION__ === 'string' ? __SIDEKEEP_VERSION__ : versionOfPackage()

function versionOfPackage(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
