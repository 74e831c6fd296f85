/**
 * The stop signals of a process. The first one resolves `asked`; a second one ends the process at once, since whoever
 * sends it no longer wants to wait.
 */
export function stopSignals(): { readonly asked: Promise<NodeJS.Signals> } {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let seen = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (seen) process.exit(1)
    seen = true
    resolve(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  // Left alone it ends the process without a drain. A reload of the configuration will take its place one day.
  process.on('SIGHUP', onSignal)
  // Left alone it opens Node's debugger on loopback, which all containers of a pod share, and with it all secrets.
  process.on('SIGUSR1', () => {})
  return { asked: promise }
}
