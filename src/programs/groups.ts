/**
 * The process groups of all programs that are under way. A process that ends without closing its providers (a second
 * signal, an error that nobody foresaw) takes them along: nobody would read what they print, nor end them.
 */
const live = new Set<number>()

process.on('exit', () => {
  for (const group of live) killGroup(group, 'SIGKILL')
})

export function groupBegan(group: number): void {
  live.add(group)
}

/** To be called when the group is over, since its number may then become another's. */
export function groupEnded(group: number): void {
  live.delete(group)
}

/** Synchronous; nothing where there is no such group any more. */
export function killGroup(group: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-group, signal)
  } catch {
    // ESRCH: nothing of the group is left.
  }
}
