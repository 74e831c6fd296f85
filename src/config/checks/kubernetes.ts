/** Which of the ways to an API server a provider goes, and what does not belong to it. */
import { atValue } from '../issues.ts'
import type { Raw } from '../raw.ts'
import type { Config, ProviderConfig } from '../schema.ts'
import { type Crossing, isWritten } from './finding.ts'

type Options = Extract<ProviderConfig, { type: 'kubernetes' }>

export function kubernetesProblems(config: Config, raw: Raw): Crossing[] {
  return Object.entries(config.providers).flatMap(([name, provider]) =>
    provider.type === 'kubernetes' ? problemsOf(name, provider, raw) : [],
  )
}

function problemsOf(name: string, provider: Options, raw: Raw): Crossing[] {
  const problems: Crossing[] = []
  const pathOf = (option: keyof Options) => ['providers', name, option]
  const wrong = (option: keyof Options, expected: string, other: keyof Options): void => {
    problems.push({
      problem: atValue(pathOf(option), expected, raw),
      about: [pathOf(option), pathOf(other)],
    })
  }
  if (provider.kubeconfig !== undefined) {
    const named = 'nothing, since kubeconfig names it. Leave one of the two out'
    for (const option of ['url', 'token', 'ca', 'certificate', 'key'] as const) {
      if (provider[option] !== undefined) wrong(option, named, 'kubeconfig')
    }
  } else if (provider.context !== undefined) {
    wrong('context', 'nothing, since a context is one of a kubeconfig file. Set kubeconfig too', 'kubeconfig')
  }
  if (provider.certificate !== undefined && provider.key === undefined) {
    wrong('certificate', 'a certificate together with its key. Set key too', 'key')
  }
  if (provider.key !== undefined && provider.certificate === undefined) {
    wrong('key', 'a key together with its certificate. Set certificate too', 'certificate')
  }
  if (provider.selector !== undefined && isWritten(raw, pathOf('maxWatches'))) {
    wrong('maxWatches', 'nothing, since one watch serves for a selector. Leave it out', 'selector')
  }
  return problems
}
