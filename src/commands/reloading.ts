import { resolve } from 'node:path'
import type { Loaded } from '../config/load.ts'
import { FileWatch } from '../file-watch.ts'
import type { Logger } from '../observability/log.ts'
import { ConfigFile } from '../reload/config-file.ts'
import { Reloader } from '../reload/reloader.ts'
import { systemClock } from '../secrets/clock.ts'
import type { Serving } from './serve.ts'

export interface Reloading {
  /** Opens the file of the audit anew, and reads the configuration again now. */
  reload(): void
  /** From now on changes are nobody's business. */
  close(): void
}

/** Puts changes of the configuration in force while the sidecar serves, when its file changes or somebody asks. */
export function reloadOnChange({ config, source, file }: Loaded, serving: Serving, log: Logger): Reloading {
  const [cwd, env, clock] = [process.cwd(), process.env, systemClock]
  const watch =
    file &&
    new FileWatch({
      path: resolve(cwd, file.name),
      clock,
      look: () => reloader.look(),
    })
  const reloader = new Reloader({
    file: file && new ConfigFile({ name: file.name, origin: file.origin, cwd, env }),
    source,
    digest: file?.digest,
    apply: (loaded) => serving.reload(loaded.config),
    watch: (settings) => watch?.set(settings),
    addresses: () => serving.addresses,
    ended: (outcome) => serving.reloadEnded(outcome),
    log,
    clock,
  })
  watch?.set(config.reload)
  // What changed since it was read, while the listeners opened, nobody has reported.
  watch?.soon()
  return {
    reload() {
      serving.reopenAudit()
      reloader.reload()
    },
    close() {
      watch?.close()
      reloader.close()
    },
  }
}
