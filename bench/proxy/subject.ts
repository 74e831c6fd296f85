import { Missing } from './programs.ts'

/** A way to the upstream that is measured. */
export interface Subject {
  readonly name: string
  readonly url: string
  /** Of the process that does the work; undefined: there is none. */
  readonly pid: number | undefined
  /** Something that makes its figures doubtful, told once all is measured. */
  doubt?(): Promise<string | undefined>
  stop(): Promise<void>
}

export interface SubjectKind {
  readonly name: string
  start(): Promise<Subject>
}

export interface Cast {
  readonly subjects: readonly Subject[]
  /** Why somebody is not among them, a sentence each. */
  readonly leftOut: readonly string[]
}

/** Starts all that can be started: what is not installed or does not start costs its own rows only. */
export async function startAll(kinds: readonly SubjectKind[]): Promise<Cast> {
  const subjects: Subject[] = []
  const leftOut: string[] = []
  for (const { name, start } of kinds) {
    try {
      subjects.push(await start())
    } catch (error) {
      leftOut.push(whyLeftOut(name, error))
    }
  }
  return { subjects, leftOut }
}

export function whyLeftOut(name: string, error: unknown): string {
  const why = error instanceof Error ? error.message : String(error)
  const [first = ''] = why.split('\n', 1)
  if (!(error instanceof Missing)) process.stderr.write(`${name} is left out: ${why}\n`)
  return `Left out: ${first.startsWith(name) ? first : `${name}: ${first}`}`
}
