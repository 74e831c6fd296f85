import { traceOfCanary } from '../../support/canary-trace.ts'
import type { HttpAnswer } from '../../support/http-answer.ts'
import type { Question } from './questions.ts'

/** Looks at one output after the other, and remembers which of them carried what none may carry. */
export class Judge {
  /** Where something was found, and in which form. */
  readonly leaks: string[] = []
  /** In how many answers a value was where it belongs: where there are none, nothing was there to leak. */
  values = 0

  output(where: string, output: string | Uint8Array): void {
    const trace = traceOfCanary(output)
    if (trace !== undefined) this.leaks.push(`${where} (${trace})`)
  }

  /** Nothing of an answer may carry a value but the one member, or the bytes, that were asked for. */
  answer(where: string, question: Question, { status, headers, bytes }: HttpAnswer): void {
    this.output(`${where}: the head of its ${status}`, JSON.stringify(headers))
    const isValue = question.asksForValue === true && question.method !== 'HEAD' && status === 200
    if (isValue && traceOfCanary(bytes) !== undefined) this.values += 1
    const body = isValue ? withoutValue(bytes, headers['content-type']) : bytes
    this.output(`${where}: the body of its ${status}`, body)
  }
}

function withoutValue(bytes: Buffer, type = ''): string {
  if (!type.startsWith('application/json')) return ''
  const { value: _, ...rest } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
  return JSON.stringify(rest)
}
