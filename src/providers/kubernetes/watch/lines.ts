/**
 * Longer than any event: an object is stored in 1.5 MiB at the most (etcd's limit of a request), and its JSON is less than
 * twice as long.
 */
const longest = 4 * 1024 * 1024

/** Cuts a stream into the lines that it is made of. Bytes are overwritten when they have been read. */
export class Lines {
  #chunks: Buffer[] = []
  #size = 0

  /** False where a line is longer than any can be. Each line is given to `onLine`, which may not keep it. */
  push(chunk: Buffer, onLine: (line: Buffer) => void): boolean {
    let rest = chunk
    try {
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        this.#keep(rest.subarray(0, end))
        rest = rest.subarray(end + 1)
        const line =
          this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : this.#joined()
        try {
          if (line.length > 0) onLine(line)
        } finally {
          line.fill(0)
          this.clear()
        }
      }
      this.#keep(Buffer.from(rest))
      return this.#size <= longest
    } finally {
      chunk.fill(0)
    }
  }

  /** Half a line is none: what it would have said comes again when the watch goes on. */
  clear(): void {
    for (const chunk of this.#chunks) chunk.fill(0)
    this.#chunks = []
    this.#size = 0
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#size += bytes.length
  }

  #joined(): Buffer {
    return Buffer.concat(this.#chunks, this.#size)
  }
}
