/**
 * Ends the process though a system call of it hangs, as on a share whose server is gone: Node's own way out waits for the
 * thread that makes the call, for ever, and so does an exit code. What was printed has been written. The first process of
 * a container cannot be ended so from within: that is left to whoever started it.
 */
export function endHanging(): void {
  process.kill(process.pid, 'SIGKILL')
}
