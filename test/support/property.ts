/**
 * fast-check, as all tests have it: with one seed, so that a change fails by what it changes, and not by chance on a day
 * when a history comes up that nobody has seen. To look for such: `SIDEKEEP_PROPERTY_SEED=random npm test -- FILES`, and
 * more of them with `SIDEKEEP_PROPERTY_RUNS=20` where a test takes that. A number runs what a failure has named.
 */
import fc from 'fast-check'

const wanted =
  process.env.SIDEKEEP_PROPERTY_SEED ?? (process.env.SIDEKEEP_PROPERTY_RUNS === undefined ? '26' : 'random')
if (wanted !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted) })

export default fc
