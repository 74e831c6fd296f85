/** What an API server keeps: Secrets, and the history of their changes that watches go on from. */
import { randomUUID } from 'node:crypto'

export interface StoredSecret {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** One count for the whole store, as etcd's revision is. */
  readonly revision: number
  readonly labels: Readonly<Record<string, string>>
  /** In base64. */
  readonly data: Readonly<Record<string, string>>
}

export interface Change {
  readonly revision: number
  readonly namespace: string
  readonly before: StoredSecret | undefined
  readonly after: StoredSecret | undefined
}

export type Data = Readonly<Record<string, string | Buffer>>

/** Which Secrets a list or a watch is for. */
export interface Selection {
  readonly namespace: string
  readonly name: string | undefined
  readonly labels: (labels: Readonly<Record<string, string>>) => boolean
}

export class FakeStore {
  revision = 1000
  /** Watches and lists that go on from before it are told that it is gone. */
  compacted = 0
  readonly #secrets = new Map<string, StoredSecret>()
  readonly #history: Change[] = []
  onChange: (change: Change) => void = () => {}

  /** Creates a Secret, or replaces its data, labels too where they are given. */
  put(namespace: string, name: string, data: Data, labels?: Record<string, string>): void {
    const before = this.#secrets.get(`${namespace}/${name}`)
    const encoded = Object.entries(data).map(([entry, value]) => [
      entry,
      Buffer.from(value as string).toString('base64'),
    ])
    this.#store(before, {
      namespace,
      name,
      uid: before?.uid ?? randomUUID(),
      revision: this.revision + 1,
      labels: labels ?? before?.labels ?? {},
      data: Object.fromEntries(encoded),
    })
  }

  /** Changes what stands about a Secret, and not its data. */
  label(namespace: string, name: string, labels: Record<string, string>): void {
    const before = this.#secrets.get(`${namespace}/${name}`)
    if (before === undefined) throw new Error(`no Secret ${namespace}/${name}`)
    this.#store(before, { ...before, labels, revision: this.revision + 1 })
  }

  remove(namespace: string, name: string): void {
    const before = this.#secrets.get(`${namespace}/${name}`)
    if (before === undefined) throw new Error(`no Secret ${namespace}/${name}`)
    this.revision++
    this.#secrets.delete(`${namespace}/${name}`)
    this.#tell({ revision: this.revision, namespace, before, after: undefined })
  }

  /** The whole history so far is forgotten. */
  compact(): void {
    this.revision++
    this.compacted = this.revision
  }

  get(namespace: string, name: string): StoredSecret | undefined {
    return this.#secrets.get(`${namespace}/${name}`)
  }

  /** As it was at a revision, ordered by name. */
  list({ namespace, name, labels }: Selection, revision = this.revision): StoredSecret[] {
    const then = new Map(this.#secrets)
    for (const { revision: at, before, after } of this.#history.toReversed()) {
      if (at <= revision) break
      const key = `${namespace}/${(before ?? after)?.name}`
      if ((before ?? after)?.namespace !== namespace) continue
      if (before === undefined) then.delete(key)
      else then.set(key, before)
    }
    return [...then.values()]
      .filter((secret) => secret.namespace === namespace && (name === undefined || secret.name === name))
      .filter((secret) => labels(secret.labels))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  since(revision: number): Change[] {
    return this.#history.filter((change) => change.revision > revision)
  }

  #store(before: StoredSecret | undefined, after: StoredSecret): void {
    this.revision++
    this.#secrets.set(`${after.namespace}/${after.name}`, after)
    this.#tell({ revision: this.revision, namespace: after.namespace, before, after })
  }

  #tell(change: Change): void {
    this.#history.push(change)
    this.onChange(change)
  }
}

/** What a change is for those who see only a part of the Secrets: what leaves it was deleted for them. */
export function seenBy(
  selection: Selection,
  { namespace, before, after, revision }: Change,
): { type: 'ADDED' | 'MODIFIED' | 'DELETED'; secret: StoredSecret } | undefined {
  if (namespace !== selection.namespace) return undefined
  const sees = (secret: StoredSecret | undefined): boolean =>
    secret !== undefined &&
    (selection.name === undefined || selection.name === secret.name) &&
    selection.labels(secret.labels)
  if (sees(after) && after !== undefined) return { type: sees(before) ? 'MODIFIED' : 'ADDED', secret: after }
  if (sees(before) && before !== undefined) return { type: 'DELETED', secret: { ...before, revision } }
  return undefined
}

/** A label selector of equality and sets; undefined where it is none. */
export function parseSelector(text: string): Selection['labels'] | undefined {
  if (text === '') return () => true
  const tests: Selection['labels'][] = []
  for (const part of text.split(/,(?![^(]*\))/)) {
    const set = /^([\w./-]+) (in|notin) \(([\w.,\s-]*)\)$/.exec(part.trim())
    const equality = /^([\w./-]+) ?(=|==|!=) ?([\w.-]*)$/.exec(part.trim())
    const existence = /^(!?)([\w./-]+)$/.exec(part.trim())
    if (set !== null) {
      const values = (set[3] ?? '').split(',').map((value) => value.trim())
      tests.push((labels) => values.includes(labels[set[1] ?? ''] ?? '\0') === (set[2] === 'in'))
    } else if (equality !== null) {
      tests.push((labels) => (labels[equality[1] ?? ''] === equality[3]) === (equality[2] !== '!='))
    } else if (existence !== null) {
      tests.push((labels) => Object.hasOwn(labels, existence[2] ?? '') === (existence[1] === ''))
    } else return undefined
  }
  return (labels) => tests.every((test) => test(labels))
}
