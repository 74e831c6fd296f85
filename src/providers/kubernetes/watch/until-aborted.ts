/** Resolves when the signal aborts, however long `work` takes to notice. Rejects where `work` does before. */
export async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) {
    work.catch(() => {})
    return
  }
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const abort = (): void => resolve()
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([aborted, work])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
