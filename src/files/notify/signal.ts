import { readFile } from 'node:fs/promises'
import type { NotificationConfig } from '../../config/schema/notify.ts'
import { NotifyError } from './error.ts'
import { codeOf, PidFile, type PidFileOptions } from './pid-file.ts'
import type { Teller } from './teller.ts'

/** The highest process id that Linux gives (`PID_MAX_LIMIT` of its include/linux/threads.h). */
const highestPid = 4_194_304

export interface SignalOptions {
  readonly signal: NonNullable<NotificationConfig['signal']>
  readonly pidFile: PidFileOptions
  /** In place of the system's own. */
  readonly kill?: (pid: number, signal: string) => void
}

/** Sends a signal to the process whose id the file holds at that moment. */
export function signalTeller({ signal: name, pidFile, kill = process.kill }: SignalOptions): Teller['tell'] {
  const { path } = pidFile
  const file = new PidFile(pidFile)
  return async (_change, signal) => {
    const pid = pidOf(await file.text(signal), path)
    await refuseThread(pid, path)
    signal.throwIfAborted()
    try {
      kill(pid, name)
    } catch (error) {
      throw notSent(codeOf(error), name, pid)
    }
  }
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
