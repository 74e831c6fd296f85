import * as z from 'zod'

const report = z.object({
  vulnerabilities: z.record(z.string(), z.looseObject({ severity: z.string(), range: z.string() })),
  metadata: z.looseObject({
    vulnerabilities: z.looseObject({ total: z.int() }),
    dependencies: z.looseObject({ prod: z.int() }),
  }),
})
const refusal = z.object({ statusCode: z.int() })

export interface AuditVerdict {
  readonly verdict: 'clean' | 'holes' | 'unanswered' | 'unjudged'
  readonly detail: string
}

/** What the answer of `npm audit --json` means, whose exit code is 1 for holes and for no answer alike. */
export function verdictOf(text: string): AuditVerdict {
  const parsed = report.safeParse(json(text))
  if (parsed.success) {
    const { vulnerabilities, metadata } = parsed.data
    if (metadata.vulnerabilities.total === 0) {
      return { verdict: 'clean', detail: `no known hole in ${metadata.dependencies.prod} packages` }
    }
    const holes = Object.entries(vulnerabilities).map(
      ([name, { severity, range }]) => `${name} ${range}: ${severity}`,
    )
    return { verdict: 'holes', detail: `Known holes in what is shipped:\n${holes.join('\n')}` }
  }
  const refused = refusal.safeParse(json(text))
  // A mirror may serve packages and have no advisories: it says that there is no such thing there.
  if (refused.success && [404, 405, 501].includes(refused.data.statusCode)) {
    const detail = `NOT JUDGED: the registry has no advisories (it answered ${refused.data.statusCode}), so npm audit can say nothing.`
    return { verdict: 'unjudged', detail }
  }
  return { verdict: 'unanswered', detail: 'npm audit got no answer from the registry.' }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
