/** A set-up that failed for a reason which the user can remove. The message says what is wrong, then what to do. */
export class SetupError extends Error {
  /**
   * @param {string} problem what is wrong
   * @param {string} remedy what to do about it
   */
  constructor(problem, remedy) {
    super(`${problem}\n  ${remedy}`)
    this.name = 'SetupError'
  }
}
