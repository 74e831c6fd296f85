/** Changes of the configuration while the sidecar runs: by SIGHUP, or by the file alone; now and then a wrong one. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Dice } from './random.ts'
import { initial, type Scenario } from './scenario.ts'
import type { Sidecar } from './sidecar.ts'

export interface ReconfigureOptions {
  readonly sidecar: Sidecar
  readonly scenario: Scenario
  readonly dice: Dice
}

/** How often a change is a mistake, which must change nothing. */
const mistake = 0.25
/** What tells that the process can do it. */
export const reloadMetric = 'sidekeep_config_reload_total'

const mistakes: readonly string[] = [
  '{"secrets":',
  '{"secrets":{"core":{"provider":"nobody"}}}',
  '{"unheard-of":true}',
]

export class Reconfigure {
  changes = 0
  mistakes = 0
  readonly #options: ReconfigureOptions
  readonly #ended = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(options: ReconfigureOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#changeAgainAndAgain()
  }

  /** Ends with the configuration of the beginning. */
  async stop(): Promise<void> {
    this.#ended.abort()
    await this.#running
    const { sidecar, scenario } = this.#options
    await sidecar.reconfigure(scenario.config(initial))
    sidecar.signal('SIGHUP')
  }

  async #changeAgainAndAgain(): Promise<void> {
    const { sidecar, scenario, dice } = this.#options
    const { signal } = this.#ended
    for (;;) {
      await pause(dice.between(3_000, 8_000), undefined, { signal }).catch(() => {})
      if (signal.aborted || !sidecar.isRunning) return
      if (dice.chance(mistake)) {
        this.mistakes += 1
        await sidecar.reconfigure(dice.pick(mistakes))
      } else {
        this.changes += 1
        const options = {
          extra: dice.chance(0.5),
          refreshSeconds: 1 + dice.below(3),
          proxyRate: 40 + dice.below(40),
        }
        await sidecar.reconfigure(scenario.config(options))
      }
      if (dice.chance(0.5)) sidecar.signal('SIGHUP')
    }
  }
}
