import type { Test } from 'tap'

/** As much of a test as the fakes of backends ask for, outside of a test: what ends them. */
export class Stage {
  readonly #endings: (() => unknown)[] = []

  /** For the fakes, which take a test and register what ends them. */
  get test(): Test {
    return { teardown: (ending: () => unknown) => void this.#endings.push(ending) } as unknown as Test
  }

  async end(): Promise<void> {
    for (const ending of this.#endings.splice(0).reverse()) await ending()
  }
}

/** A backend of one kind on loopback, and the configuration that reads it. */
export interface Backend {
  /** The provider's section of the configuration. */
  readonly provider: Record<string, unknown>
  /** What a secret's name is to the provider. */
  keyOf(name: string): string
  /** A part of the value that is the secret. */
  readonly field?: string
  /** What the sidecar needs to have in its environment. */
  readonly env?: Readonly<Record<string, string>>
  /** How many requests came so far, those for credentials included. */
  requests(): number
  /** From now on it answers nobody. */
  stop(): Promise<void>
}

/** The configuration that reads these secrets, all of them required. */
export function configurationOf(
  { provider, keyOf, field }: Backend,
  names: readonly string[],
  more: object = {},
): object {
  const rule = (name: string): object => ({
    provider: 'backend',
    key: keyOf(name),
    required: true,
    ...(field !== undefined && { field }),
  })
  return {
    api: { listen: '127.0.0.1:0' },
    providers: { backend: provider },
    secrets: Object.fromEntries(names.map((name) => [name, rule(name)])),
    ...more,
  }
}

export interface Kind {
  /** As the table names it. */
  readonly title: string
  /** A backend that holds these secrets. */
  start(t: Test, names: readonly string[]): Promise<Backend>
}
