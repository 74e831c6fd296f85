/** One condition of a probe. Its name is shown to whoever may ask, so it names no secret. */
export interface HealthCheck {
  readonly name: string
  /** Cheap and without side effects: probes come every second or so. */
  passes(): boolean
}

export const probeNames = ['livez', 'startupz', 'readyz'] as const
export type ProbeName = (typeof probeNames)[number]
export type Health = Readonly<Record<ProbeName, readonly HealthCheck[]>>

export interface HealthSources {
  /** How the required secrets stand. */
  required(): { readonly loadedOnce: boolean; readonly held: boolean }
  /** Whether all listeners of the configuration are open. */
  listenersUp(): boolean
  shuttingDown(): boolean
  /** Whether callers are answered as far as the audit goes: false where that has to be written first and cannot be. */
  auditLetsAnswer?(): boolean
  /** How the required files stand: whether all were written once, and whether each is as the secrets that are held. */
  files?(): { readonly wereWritten: boolean; readonly areCurrent: boolean }
}

/** The probes of `design.md`. */
export function createHealth(sources: HealthSources): Health {
  return {
    // To answer at all is the proof. A bound on the loop's lag would have a busy sidecar killed, and its cache with it.
    livez: [{ name: 'event-loop', passes: () => true }],
    startupz: [
      { name: 'required-secrets-loaded', passes: () => sources.required().loadedOnce },
      { name: 'files-written', passes: () => sources.files?.().wereWritten ?? true },
    ],
    readyz: [
      { name: 'required-secrets-held', passes: () => sources.required().held },
      { name: 'listeners', passes: () => sources.listenersUp() },
      { name: 'not-shutting-down', passes: () => !sources.shuttingDown() },
      { name: 'audit', passes: () => sources.auditLetsAnswer?.() ?? true },
      { name: 'files', passes: () => sources.files?.().areCurrent ?? true },
    ],
  }
}

export interface HealthAnswer {
  readonly status: 200 | 503
  /** Plain text. */
  readonly body: string
}

export interface HealthQuery {
  readonly verbose?: boolean | undefined
  /** Names of checks that do not count. */
  readonly exclude?: readonly string[] | undefined
}

/** Answers a probe in the manner of the Kubernetes API server: `ok`, or one line a check where one fails or `verbose` asks. */
export function answerProbe(probe: string, checks: readonly HealthCheck[], query: HealthQuery): HealthAnswer {
  const excluded = new Set(query.exclude)
  const lines: string[] = []
  let passed = true
  for (const check of checks) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`)
    } else if (check.passes()) {
      lines.push(`[+]${check.name} ok`)
    } else {
      passed = false
      lines.push(`[-]${check.name} failed`)
    }
  }
  // As there: a probe that excludes a check of another version goes on working, and `verbose` shows the mistake.
  if (excluded.size > 0) lines.push(`warn: no check is named ${[...excluded].map(quoted).join(', ')}`)
  if (passed && query.verbose !== true) return { status: 200, body: 'ok' }
  lines.push(`${probe} check ${passed ? 'passed' : 'failed'}`)
  return { status: passed ? 200 : 503, body: `${lines.join('\n')}\n` }
}

const quoted = (text: string): string => JSON.stringify(text)
