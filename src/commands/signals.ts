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
  return { asked: promise }
}
