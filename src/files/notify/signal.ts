import { constants, type FileHandle, open, readFile } from 'node:fs/promises'
import type { NotificationConfig } from '../../config/schema/notify.ts'
import { NotifyError } from './error.ts'
import type { Teller } from './teller.ts'

/** The highest process id that Linux gives (`PID_MAX_LIMIT` of its include/linux/threads.h). */
const highestPid = 4_194_304
/** Bytes that are read of the file; no number that is taken needs as many. */
const longest = 32

/** Sends a signal to the process whose id the file holds at that moment. */
export function signalTeller(
  name: NonNullable<NotificationConfig['signal']>,
  pidFile: string,
  kill: (pid: number, signal: string) => void = process.kill,
): Teller['tell'] {
  return async () => {
    const pid = pidOf(await read(pidFile), pidFile)
    await refuseThread(pid, pidFile)
    try {
      kill(pid, name)
    } catch (error) {
      throw notSent(codeOf(error), name, pid)
    }
  }
}

/**
 * Links are followed: whoever may write the file says anyway which process is meant, nothing of what it holds is shown,
 * and a link is how a pid file is often laid where it is looked for. A pipe or a device is not waited for.
 */
async function read(path: string): Promise<string> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!(await handle.stat()).isFile()) {
      throw new NotifyError('place', `pidFile ${path} is no regular file`, 'Name the file itself.')
    }
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(longest), 0, longest, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } catch (error) {
    throw error instanceof NotifyError ? error : notRead(codeOf(error), path)
  } finally {
    await handle?.close()
  }
}

function notRead(code: string, path: string): NotifyError {
  const message = `pidFile ${path} cannot be read (${code})`
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const remedy =
      'Have the application write its process id there once it takes the signal, on a volume that both containers mount.'
    return new NotifyError('place', message, remedy)
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new NotifyError('denied', message, "Let the sidecar's user read it.")
  }
  return new NotifyError('io', message, 'Check the volume that it lies on.')
}

function pidOf(text: string, path: string): number {
  const digits = /^([1-9][0-9]{0,9})\r?\n?$/.exec(text)?.[1]
  const pid = Number(digits)
  if (digits === undefined || pid > highestPid) {
    const message = `pidFile ${path} holds no process id`
    throw new NotifyError('place', message, 'Have the application write it as a decimal number, alone.')
  }
  if (pid === 1 || pid === process.pid) {
    // A container that does not share its process ids counts them from 1: the number of another is ours, or our init's.
    const message = `pidFile ${path} holds ${pid}, which is the sidecar itself, or the first process of the container or pod`
    throw new NotifyError('place', message, sharing)
  }
  return pid
}

/**
 * To kill(2) the number of a thread stands for its whole process. Where process ids are not shared, the number that the
 * application has in its container is often that of one of our own threads in ours: the sidecar would reload, or end,
 * and say that the application was told. Where /proc says nothing (no such process, another system) kill decides.
 */
async function refuseThread(pid: number, path: string): Promise<void> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')
  const group = /^Tgid:\s*([0-9]+)$/m.exec(status)?.[1]
  if (group === undefined || Number(group) === pid) return
  const whose = Number(group) === process.pid ? 'the sidecar' : `process ${group}`
  const message = `pidFile ${path} holds ${pid}, which is a thread of ${whose} and no process`
  throw new NotifyError('place', message, sharing)
}

const sharing =
  'Set shareProcessNamespace: true in the pod, so that both containers mean the same process by a number.'

function notSent(code: string, signal: string, pid: number): NotifyError {
  const message = `${signal} cannot be sent to process ${pid} (${code})`
  if (code === 'ESRCH') {
    return new NotifyError(
      'gone',
      `${message}: there is no such process`,
      `${sharing} If it is set, the process has ended and left its file.`,
    )
  }
  if (code === 'EPERM') {
    return new NotifyError(
      'denied',
      `${message}: it belongs to another user`,
      'Run both containers as the same user (runAsUser).',
    )
  }
  return new NotifyError('io', message, 'Use http or exec.')
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown error'
}
