import type { SecretValue } from '../../secrets/secret.ts'

/** The value of each name; a function, so that one that cannot be read is an error of its own. */
export type Entries = Iterable<readonly [name: string, value: () => SecretValue]>
