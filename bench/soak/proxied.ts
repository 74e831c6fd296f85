/** Requests through the proxy: the application's answer as it is, or one of the proxy's own with its code. */

import type { Kind } from './scene.ts'
import { upstreamHeader } from './upstream.ts'

const own: readonly number[] = [429, 502, 504]

export const proxied: Kind = {
  name: 'through the proxy',
  weight: 12,
  async run({ proxy, dice, judges, tally }) {
    const path = `/app/${dice.hex(4)}?q=${dice.below(100)}`
    const answer = await proxy.ask({ path, headers: {} })
    const isApplications = answer.headers[upstreamHeader] === 'true'
    tally.count('through the proxy', `${answer.status}${isApplications ? '' : ' of its own'}`)
    if (isApplications) {
      if (answer.body.toString('utf8') !== `you asked for ${path}`) {
        judges.findings.add('another answer of the application than the right one', path)
      }
      return
    }
    const code = judges.contract.judge(undefined, answer)
    if (!own.includes(answer.status) || code === undefined) {
      judges.findings.add('an answer of the proxy that is not documented', `${answer.status} ${code ?? ''}`)
    }
  },
}
