/**
 * A change whose every step that can fail is done. It either happens, at once and without fail, or it is given up and
 * leaves everything as it was.
 */
export interface Prepared {
  commit(): void
  abandon(): Promise<void>
}

/** Several changes as one, prepared in this order: where one cannot be, those before it are given up. */
export async function prepareAll(
  ...steps: readonly (() => Promise<Prepared | undefined>)[]
): Promise<Prepared> {
  await using undo = new AsyncDisposableStack()
  const all: Prepared[] = []
  for (const step of steps) {
    const prepared = await step()
    if (prepared === undefined) continue
    undo.defer(() => prepared.abandon())
    all.push(prepared)
  }
  const undone = undo.move()
  return {
    commit() {
      for (const prepared of all) prepared.commit()
    },
    abandon: () => undone.disposeAsync(),
  }
}
