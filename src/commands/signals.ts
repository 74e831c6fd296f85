export interface Signals {
  /** Resolves with the first stop signal. */
  readonly asked: Promise<NodeJS.Signals>
  /** Calls `reload` at each SIGHUP from now on, and at once where there has been one already. */
  onReload(reload: () => void): void
}

/**
 * The signals of a process, from now on. The first stop signal resolves `asked`; a second one ends the process at once,
 * since whoever sends it no longer wants to wait.
 *
 * @param hangup what SIGHUP means: for what runs as a service, to read the configuration again; for what somebody
 * started to look at, that their terminal is gone
 */
export function processSignals(hangup: 'reload' | 'stop'): Signals {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let seen = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (seen) process.exit(1)
    seen = true
    resolve(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  let reloadsWanted = 0
  let wantReload = (): void => {
    reloadsWanted += 1
  }
  // Left alone it ends the process without a drain.
  process.on('SIGHUP', hangup === 'stop' ? onSignal : () => wantReload())
  // Left alone it opens Node's debugger on loopback, which all containers of a pod share, and with it all secrets.
  process.on('SIGUSR1', () => {})
  return {
    asked: promise,
    onReload(reload) {
      wantReload = reload
      if (reloadsWanted > 0) reload()
    },
  }
}
