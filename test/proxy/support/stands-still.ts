/** Resolves, with the number, once it has not moved for many turns of the event loop. */
export async function standsStill(read: () => number): Promise<number> {
  let last = read()
  for (let turns = 0; turns < 500; turns++) {
    await new Promise(setImmediate)
    if (read() !== last) turns = 0
    last = read()
  }
  return last
}
