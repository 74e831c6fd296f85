import { table } from '../support/statistics.ts'
import { type Figures, figuresOf, maximum, stretches, zeroFrom } from './figures.ts'
import { type Counted, hour, minute, type Scenario, second } from './scenario.ts'

/** One simulation of each kind, of the same scenario. */
export interface Pair {
  readonly scenario: Omit<Scenario, 'kind'>
  readonly sidekeep: Counted
  readonly naive: Counted
}

export interface Aim {
  readonly words: string
  readonly met: boolean
}

const inSeconds = (ms: number): number => Math.round(ms / second)

/** The parts of the day with a start wave and an outage, as stretches in seconds. */
function phasesOf({ waveMs, intervalMs, lengthMs, outage }: Pair['scenario']) {
  if (outage === undefined) throw new Error('the day has an outage')
  const [down, up, end] = [outage.fromMs, outage.untilMs, lengthMs].map(inSeconds) as [number, number, number]
  const interval = inSeconds(intervalMs)
  return {
    start: [[0, inSeconds(waveMs)]],
    afterStart: [[interval, 5 * interval]],
    steady: [[inSeconds(hour), down]],
    steadyAgain: [[up + inSeconds(hour), end]],
    outage: [[down, up]],
    minuteAfter: [[up, up + 60]],
    tenMinutesAfter: [[up, up + 600]],
  } satisfies Record<string, (readonly [number, number])[]>
}

/** The figures of the day, and which of the aims are met. */
export function dayReport({ scenario, sidekeep, naive }: Pair): { text: string; aims: Aim[] } {
  const phases = phasesOf(scenario)
  const of = (counted: Counted, phase: keyof typeof phases): Figures =>
    figuresOf(stretches(counted.calls, ...phases[phase]))
  const steadyMean = of(sidekeep, 'steady').mean
  const row = (words: string, phase: keyof typeof phases): string[] => {
    const [ours, theirs] = [of(sidekeep, phase), of(naive, phase)]
    return [words, ...cells(ours), times(ours.peak, steadyMean), ...cells(theirs)]
  }
  const head = [
    'calls/s at the backend',
    'Sidekeep: mean',
    'p99',
    'peak',
    'peak by steady mean',
    'naive: mean',
    'p99',
    'peak',
  ]
  const rows = [
    row(`start: the first ${inSeconds(scenario.waveMs)} s`, 'start'),
    row('2nd to 5th interval after the start', 'afterStart'),
    row('steady state, from an hour after the start to the outage', 'steady'),
    row('during the outage', 'outage'),
    row('the minute after it', 'minuteAfter'),
    row('the ten minutes after it', 'tenMinutesAfter'),
    row('steady state again, from an hour after it to the end', 'steadyAgain'),
  ]
  const steady = of(sidekeep, 'steady')
  const again = of(sidekeep, 'steadyAgain')
  const late = of(sidekeep, 'afterStart')
  const minuteAfter = of(sidekeep, 'minuteAfter')
  const staleWhenSteady = maximum(stretches(sidekeep.stale, ...phases.steady, ...phases.steadyAgain))
  const expired = maximum(sidekeep.expired)
  const aims: Aim[] = [
    {
      words: `steady state: peak ≤ 1.3 × mean (${times(steady.peak, steady.mean)})`,
      met: steady.peak <= 1.3 * steady.mean,
    },
    {
      words: `steady state again, an hour after the outage: peak ≤ 1.3 × mean (${times(again.peak, again.mean)})`,
      met: again.peak <= 1.3 * again.mean,
    },
    {
      words: `2nd to 5th interval after the start, out of step by then: peak ≤ 1.5 × mean (${times(late.peak, late.mean)})`,
      met: late.peak <= 1.5 * late.mean,
    },
    {
      words: `the minute after the outage: peak ≤ 3 × the steady mean (${times(minuteAfter.peak, steadyMean)})`,
      met: minuteAfter.peak <= 3 * steadyMean,
    },
    {
      words: `no secret is stale in the steady state (${staleWhenSteady}), and none ever expires (${expired})`,
      met: staleWhenSteady === 0 && expired === 0,
    },
  ]
  return { text: `${table(head, rows)}\n\n${recovery(scenario, sidekeep)}`, aims }
}

function recovery({ outage }: Pair['scenario'], { stale }: Counted): string {
  const up = inSeconds(outage?.untilMs ?? 0)
  const after = stale.subarray(up)
  const share = (part: number): string => {
    const at = after.findIndex((count) => count <= part * (stale[up - 1] ?? 0))
    return at < 0 ? 'not by the end' : `after ${at} s`
  }
  return `At the end of the outage ${(stale[up - 1] ?? 0).toLocaleString('en')} secrets were stale, and served as such; half of them were fresh again ${share(0.5)}, 99 % ${share(0.01)}, all ${share(0)}.`
}

/** How the fleet gets on with a backend that allows so many calls a second and no more. */
export function throttleReport({ scenario, sidekeep, naive }: Pair): { text: string; aims: Aim[] } {
  const limit = scenario.throttle?.callsPerSecond ?? 0
  const end = inSeconds(scenario.lengthMs)
  const settled = [end - inSeconds(hour), end] as const
  const row = (words: string, counted: Counted, expired: string): string[] => {
    const { calls, throttled, notLoaded, stale } = counted
    const figures = figuresOf(stretches(calls, settled))
    const sum = (counts: Uint32Array): number => counts.reduce((total, count) => total + count, 0)
    const loaded = zeroFrom(notLoaded)
    return [
      words,
      maximum(calls.subarray(0, inSeconds(10 * minute))).toLocaleString('en'),
      percent(
        sum(throttled.subarray(0, inSeconds(10 * minute))),
        sum(calls.subarray(0, inSeconds(10 * minute))),
      ),
      loaded === undefined ? 'never' : `${loaded} s`,
      ...cells(figures),
      percent(sum(stretches(throttled, settled)), sum(stretches(calls, settled))),
      maximum(stretches(stale, settled)).toLocaleString('en'),
      expired,
    ]
  }
  const head = [
    `limit of ${limit.toLocaleString('en')} calls/s`,
    'peak of the first 10 min',
    '429 in them',
    'all secrets held after',
    'last hour: mean',
    'p99',
    'peak',
    '429 in it',
    'most stale at a time in it',
    'most expired at a time, ever',
  ]
  const settledCalls = figuresOf(stretches(sidekeep.calls, settled))
  const expired = maximum(sidekeep.expired)
  const loaded = zeroFrom(sidekeep.notLoaded)
  return {
    text: table(head, [row('Sidekeep', sidekeep, String(expired)), row('naive', naive, 'not watched')]),
    aims: [
      {
        words: `throttling backend: the fleet settles below the limit of ${limit} calls/s (peak of the last hour ${settledCalls.peak})`,
        met: settledCalls.peak <= limit,
      },
      {
        words: `throttling backend: every secret gets loaded (${loaded === undefined ? 'no' : `after ${loaded} s`}), and none expires (${expired})`,
        met: loaded !== undefined && expired === 0,
      },
    ],
  }
}

const cells = ({ mean, p99, peak }: Figures): string[] =>
  [mean, p99, peak].map((value) => Math.round(value).toLocaleString('en'))
const times = (value: number, base: number): string => `${(value / base).toFixed(2)} ×`
const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`
