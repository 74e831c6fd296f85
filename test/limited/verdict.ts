import { hasPassed, isRefused, type Timed } from './load.ts'

export interface Judged {
  /** Between two refusals, one of the first and one of the last. */
  readonly passed: number
  /** How far that is from the rate, as a part of it. */
  readonly off: number
  /** How many passed before the first of the two. */
  readonly before: number
  /** By how much all together are more than they may be, as a part of that. */
  readonly excess: number
}

/** Refusals, at the beginning and at the end, of which the one whose moment is known best is taken. */
const choice = 200

/**
 * Holds what passed against what should have. When a limit refuses a request it has let all pass that it owes by then, so
 * between two refusals it is its rate that passes, whatever this machine was late by meanwhile, unless that was a whole
 * burst. When it ruled is known to lie between question and answer: of two bounds, the one in favour of the limit counts.
 *
 * @param limit its rate in requests a second
 * @param answers of all clients that share it
 */
export function judgeAgainst(
  { rate, burst }: { readonly rate: number; readonly burst: number },
  answers: readonly Timed[],
): Judged {
  const passes = answers.filter(hasPassed)
  const refusals = answers.filter(isRefused).sort((a, b) => a.asked - b.asked)
  if (refusals.length === 0) throw new Error('the limit has refused nobody')
  const first = quickest(refusals.slice(0, choice))
  const last = quickest(refusals.slice(-choice))
  const count = (isOne: (pass: Timed) => boolean): number => passes.filter(isOne).length
  const dueIn = (from: number, to: number): number => (rate * (to - from)) / 1_000

  const surely = count(({ asked, answered }) => asked > first.answered && answered < last.asked)
  const perhaps = count(({ asked, answered }) => answered > first.asked && asked < last.answered)
  const least = dueIn(first.answered, last.asked) - 1
  const most = dueIn(first.asked, last.answered) + 1
  const off = surely > most ? surely / most - 1 : Math.min(perhaps / least - 1, 0)

  const begin = Math.min(...answers.map(({ asked }) => asked))
  const end = Math.max(...passes.map(({ answered }) => answered))
  return {
    passed: perhaps,
    off,
    before: count(({ asked }) => asked < first.answered),
    excess: Math.max(passes.length / (burst + dueIn(begin, end)) - 1, 0),
  }
}

function quickest(answers: readonly Timed[]): Timed {
  const took = ({ asked, answered }: Timed): number => answered - asked
  return answers.reduce((a, b) => (took(b) < took(a) ? b : a))
}
