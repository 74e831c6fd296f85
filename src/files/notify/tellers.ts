import type { NotificationConfig } from '../../config/schema/notify.ts'
import type { Clock } from '../../secrets/clock.ts'
import { execTeller } from './exec.ts'
import { httpTeller } from './http.ts'
import { signalTeller } from './signal.ts'
import type { Teller } from './teller.ts'

/** @param own the sidecar's own environment */
export function tellerOf(config: NotificationConfig, clock: Clock, own: NodeJS.ProcessEnv): Teller {
  const { http, signal, pidFile, exec, timeout } = config
  if (http !== undefined) return { kind: 'http', tell: httpTeller(http, timeout, clock) }
  if (exec !== undefined) return { kind: 'exec', tell: execTeller(exec, timeout, clock, own) }
  if (signal !== undefined && pidFile !== undefined) {
    const tell = signalTeller({ signal, pidFile: { path: pidFile, timeout, clock } })
    return { kind: 'signal', tell }
  }
  // config/checks/files.ts lets none pass.
  throw new Error('a notification has none of http, exec, and signal with pidFile')
}
