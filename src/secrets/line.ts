/** A place in a line. Whoever holds it can leave from the middle. */
export interface Link<T> {
  readonly item: T
  before: Link<T> | undefined
  behind: Link<T> | undefined
}

/** First come, first served; joining and leaving cost the same wherever in a line of thousands it happens. */
export class Line<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined

  get first(): T | undefined {
    return this.#first?.item
  }

  join(item: T): Link<T> {
    const link: Link<T> = { item, before: this.#last, behind: undefined }
    if (this.#last === undefined) this.#first = link
    else this.#last.behind = link
    this.#last = link
    return link
  }

  /** Only for a link that is in this line. */
  leave(link: Link<T>): void {
    if (link.before === undefined) this.#first = link.behind
    else link.before.behind = link.behind
    if (link.behind === undefined) this.#last = link.before
    else link.behind.before = link.before
  }

  /** Whoever is visited may leave. */
  *[Symbol.iterator](): Generator<T> {
    for (let link = this.#first; link !== undefined; link = link.behind) yield link.item
  }
}
