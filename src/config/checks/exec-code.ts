/**
 * Where in a command a key could be read as code. Programs that run other programs are known by name, and what each of
 * them is known to hand on unread is let through; all else is refused, as each has more spellings than a list could hold.
 */
import { basename } from 'node:path'
import { keyPlaceholder } from '../schema/url.ts'

/** How the arguments after the name of such a program are read. */
interface Reading {
  /** The first argument that is handed on unread; past the last one where that cannot be told. */
  readonly plain: number
  /** From where on another such program may stand. */
  readonly next: number
}

type Reader = (command: readonly string[], at: number) => Reading

const shells = ['sh', 'bash', 'rbash', 'dash', 'ash', 'zsh', 'ksh', 'mksh', 'yash', 'posh']
const shellFlags = /^[-+][abcefhiklmnoprstuvxBCEHOP]+$/
const shellWords = new Set(['--norc', '--noprofile', '--posix', '--login', '--restricted', '--verbose'])

/** POSIX, sh: the operand is code where `c` is in any group of options before it, else a script. `o` takes a name. */
const readShell: Reader = (command, at) => {
  let isCode = false
  let index = at + 1
  for (; index < command.length; index++) {
    const part = command[index] ?? ''
    if (part === '--' || part === '-') index += 1
    if (part === '--' || part === '-' || !/^[-+]/.test(part)) break
    if (shellWords.has(part)) continue
    if (!shellFlags.test(part)) return untold(command)
    isCode ||= part.startsWith('-') && part.includes('c')
    index += part.replaceAll(/[^oO]/g, '').length
  }
  // After code comes the name that the script goes by.
  return { plain: index + 1, next: index + (isCode ? 2 : 1) }
}

interface Grammar {
  /** Options that take nothing after them. */
  readonly flags?: RegExp
  /** Options whose next argument is code. */
  readonly code?: RegExp
  readonly script?: RegExp
}

const aScript = /^[^-]/

/** A script, or code after one option; then its arguments, which begin with none of the interpreter's own options. */
function readScript({ flags, code, script = aScript }: Grammar): Reader {
  return (command, at) => {
    let index = at + 1
    while (flags?.test(command[index] ?? '') === true) index += 1
    const part = command[index] ?? ''
    if (code?.test(part) !== true) {
      return script.test(part) ? { plain: index + 1, next: index + 1 } : untold(command)
    }
    const after = command[index + 2] ?? ''
    if (after.startsWith('-') && after !== '--') return untold(command)
    return { plain: index + 2, next: index + 2 }
  }
}

const assignment = /^[A-Za-z_]\w*=/

/** Flags, options with a value, variables; then a program, which may be another of these. */
function readLauncher(flags: RegExp, valued: RegExp, operands = 0): Reader {
  return (command, at) => {
    let index = at + 1
    for (; index < command.length; index++) {
      const part = command[index] ?? ''
      if (valued.test(part)) index += 1
      else if (!flags.test(part) && !assignment.test(part)) break
    }
    if (command[index] === '--') index += 1
    // `env` takes them there too, and nobody has a program of such a name.
    while (assignment.test(command[index] ?? '')) index += 1
    index += operands
    if ((command[index] ?? '-').startsWith('-')) return untold(command)
    return { plain: index + 1, next: isRunner(command[index] ?? '') ? index : index + 1 }
  }
}

/** What reads an argument as code wherever it stands, or has too many ways to: no key is handed to it. */
const untold = (command: readonly string[]): Reading => ({ plain: command.length, next: command.length })

const none = /^(?!)/
const javascript: Grammar = { code: /^(?:-e|-p|-pe|--eval|--print)$/, flags: /^--no-[\w-]+$/ }
const runs: Grammar = {
  flags: /^(?:run|-A|-q|--quiet|--(?:allow|deny|no)-[\w-]+(?:=.*)?)$/,
  script: /^[^-].*[./]/s,
}
const filter: Grammar = { code: /^-e$/, flags: /^-[nrEsz]+$/ }

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...shells.map((name) => [name, readShell] as const),
  ...['python', 'pypy'].map(
    (name) => [name, readScript({ code: /^-[BEIOSsu]*c$/, flags: /^-[BEIOSsu]+$/ })] as const,
  ),
  ['perl', readScript({ code: /^-[wTt]*[eE]$/, flags: /^-[wTt]+$/ })],
  ['ruby', readScript({ code: /^-e$/, flags: /^-w$/ })],
  ['php', readScript({ code: /^-r$/, flags: /^-[nq]$/ })],
  ['lua', readScript({})],
  ['fish', readScript({ code: /^-c$/ })],
  ...['node', 'nodejs'].map((name) => [name, readScript(javascript)] as const),
  ...['deno', 'bun'].map((name) => [name, readScript(runs)] as const),
  ...['awk', 'gawk', 'mawk', 'nawk'].map((name) => [name, readScript({ code: /^-f$/ })] as const),
  ['sed', readScript(filter)],
  ['jq', readScript({ flags: /^-[rjnacseSM]+$/ })],
  ['env', readLauncher(/^-i$/, /^-u$/)],
  ...['sudo', 'doas'].map((name) => [name, readLauncher(/^-[nEH]+$/, /^-[ug]$/)] as const),
  ...['nohup', 'setsid', 'busybox', 'toybox'].map((name) => [name, readLauncher(none, none)] as const),
  ['nice', readLauncher(none, /^-n$/)],
  ['timeout', readLauncher(/^(?:--foreground|--preserve-status)$/, /^-[ks]$/, 1)],
  ...[
    ...['ssh', 'rsh', 'mosh', 'sshpass', 'su', 'runuser', 'watch', 'script', 'xargs', 'parallel'],
    ...['psql', 'mysql', 'mariadb', 'sqlite', 'csh', 'tcsh', 'pwsh', 'powershell', 'tclsh', 'expect'],
    ...['stdbuf', 'chroot', 'nsenter', 'unshare', 'setpriv', 'flock', 'strace', 'npx', 'bunx', 'osascript'],
  ].map((name) => [name, untold] as const),
])

/** `sed` and `jq` take options behind operands too. */
const permuting = new Set(['sed', 'jq'])

/** `/usr/bin/python3.12` is `python`. */
function nameOf(part: string): string {
  return basename(part).replace(/(?:-?\d[\d.]*)?(?:[-.](?:static|dbg|minimal))?$/, '')
}

function isRunner(part: string): boolean {
  return readers.has(nameOf(part))
}

/** The argument in which a key would be read as code, or could be; undefined where there is none. */
export function codeArgument(command: readonly string[]): number | undefined {
  const runner = (from: number): number =>
    command.findIndex((part, index) => index >= from && !part.includes(keyPlaceholder) && isRunner(part))
  let at = runner(0)
  if (at < 0) return undefined
  const beside = command.findIndex((part) => part.includes(keyPlaceholder) && part !== keyPlaceholder)
  if (beside >= 0) return beside
  while (at >= 0) {
    const name = nameOf(command[at] ?? '')
    const { plain, next } = (readers.get(name) ?? untold)(command, at)
    const mayPermute = permuting.has(name)
    const code = command.findIndex(
      (part, index) =>
        part === keyPlaceholder &&
        index > at &&
        (index < plain || (mayPermute && (command[index - 1] ?? '').startsWith('-'))),
    )
    if (code >= 0) return code
    at = runner(next)
  }
  return undefined
}
