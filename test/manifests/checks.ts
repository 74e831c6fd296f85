/** What the programs that CI runs on manifests say: a line for each check, and `N passed, N failed` at the end. */
export class Checks {
  #passed = 0
  #failed = 0
  readonly #evidence: () => Promise<string>

  /** What stands below a check that failed, for whoever looks for the reason. */
  constructor(evidence: () => Promise<string> = async () => '') {
    this.#evidence = evidence
  }

  /** A text that the run returns stands behind the name of the check. */
  async check(name: string, run: () => Promise<unknown>): Promise<void> {
    try {
      const remark = await run()
      this.#passed++
      console.log(`ok - ${name}${typeof remark === 'string' ? `: ${remark}` : ''}`)
    } catch (error) {
      this.#failed++
      console.log(`not ok - ${name}: ${error instanceof Error ? error.message : String(error)}`)
      const evidence = await this.#evidence()
      if (evidence !== '') console.log(evidence)
    }
  }

  /** Ends the process where one has failed: without a pod that works every further check would, after all its patience. */
  goOnlyIfPassed(): void {
    if (this.#failed > 0) this.finish()
  }

  finish(): never {
    console.log(`${this.#passed} passed, ${this.#failed} failed`)
    process.exit(this.#failed > 0 ? 1 : 0)
  }
}
