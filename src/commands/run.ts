import type { Loaded } from '../config/load.ts'
import { loadConfig } from '../config/load.ts'
import type { Logger } from '../observability/log.ts'
import { createLog, flushLog } from '../observability/log.ts'
import { closeProcess } from './closed-process.ts'
import type { Command } from './command.ts'
import { parse } from './command.ts'
import { reloadOnChange } from './reloading.ts'
import { serve } from './serve.ts'
import type { Signals } from './signals.ts'
import { processSignals } from './signals.ts'

export const command: Command = {
  help: `sidekeep run [--config FILE]

Runs the sidecar: fetches the secrets of the configuration, keeps them fresh and serves them.
Ends in order on SIGTERM or SIGINT; a second signal ends it at once. A change of the configuration's
file is applied while it runs, and so it is on SIGHUP.

  --config FILE   the configuration; else $SIDEKEEP_CONFIG, ./sidekeep.yaml, /etc/sidekeep/sidekeep.yaml,
                  else the environment alone: SIDEKEEP_URL, AUTH_TOKEN or SIDEKEEP_TOKEN_FILE,
                  SIDEKEEP_REFRESH, SIDEKEEP_LISTEN

Exit codes: 0 stopped in order, 1 failed (a port is taken, the shutdown timed out), 78 wrong configuration.`,
  async run(args) {
    const { values } = parse('run', args, { config: { type: 'string' } })
    // Before anything that takes time: as process 1 of a container, a signal that nobody listens for is lost.
    const signals = processSignals('reload')
    const openings = closeProcess()
    const loaded = await loadConfig({
      ...(values.config === undefined ? {} : { file: values.config }),
      env: process.env,
      cwd: process.cwd(),
    })
    const log = await createLog(loaded.config.log)
    for (const opening of openings) log.warn(opening)
    const code = await serveUntilAsked(loaded, log, signals).finally(() => flushLog(log))
    // Not left to the event loop to run dry: a part that hung is what the deadline was for.
    process.exit(code)
  },
}

async function serveUntilAsked(loaded: Loaded, log: Logger, signals: Signals): Promise<number> {
  const serving = await serve(loaded, log)
  const reloading = reloadOnChange(loaded, serving, log)
  signals.onReload(() => reloading.reload())
  const end = await Promise.race([
    signals.asked.then((reason) => ({ reason })),
    serving.quitAsked.then(() => ({ reason: 'POST /quitquitquit' })),
    serving.failed.then((error) => ({ error })),
  ])
  reloading.close()
  if ('reason' in end) return await serving.stop(end.reason)
  log.fatal({ err: end.error }, 'the sidecar cannot go on')
  await serving.stop('failure')
  throw end.error
}
