import { createHash } from 'node:crypto'
import type { Findings } from './findings.ts'

/** A strong entity tag means the same bytes each time (RFC 9110, section 8.8.3): holds each to that. */
export class Tags {
  readonly #findings: Findings
  readonly #bodies = new Map<string, string>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** @param target path and query, and what else chose the form */
  saw(target: string, etag: string, body: Buffer): void {
    const slot = `${target}\n${etag}`
    const digest = createHash('sha256').update(body).digest('base64')
    const known = this.#bodies.get(slot)
    if (known === undefined) this.#bodies.set(slot, digest)
    else if (known !== digest) this.#findings.add('an ETag that stands for two bodies', target)
  }
}
