import { stat } from 'node:fs/promises'
import type { Program } from './run.ts'

/**
 * Why a program could not be started, and what to do about it, in words without a full stop.
 *
 * @param code Node's, such as ENOENT
 * @param option the one that names the program
 */
export async function whyNotStarted(
  code: string,
  { file, workingDirectory }: Pick<Program, 'file' | 'workingDirectory'>,
  option = 'command',
): Promise<string> {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      // The system says the same of all of them.
      if (!(await isThere(workingDirectory)))
        return `workingDirectory is not there: ${workingDirectory}. Create it, or name another`
      if (!file.includes('/'))
        return 'the program is in no directory of PATH. Install it, write its absolute path, or set PATH in env'
      if (!(await isThere(file)))
        return `the program is not there. Install it in the image, or correct ${option}`
      return 'the program is there, and not what it is run with: the interpreter of its first line, or the loader of its libraries. Install that'
    case 'EACCES':
    case 'EPERM':
      return `the program may not be run${workingDirectory === '/' ? '' : ', or workingDirectory not be entered'}. Check modes, the user of the sidecar, and whether it lies on a volume that allows no programs`
    case 'ENOEXEC':
      return 'the file is no program for this machine. Check its architecture, or the first line of a script'
    case 'E2BIG':
      return 'arguments and environment are larger than the system allows. Hand large values over as files'
    case 'EAGAIN':
    case 'ENOMEM':
      return 'the system has no room for another process. Raise the limits of the container for memory and processes'
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open. Raise the limit of open files'
    default:
      return 'the program could not be started'
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}
