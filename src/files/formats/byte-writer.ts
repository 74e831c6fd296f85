import { FormatError } from '../content.ts'

/** 64 MiB: far more than any application reads at once, and little enough that one file cannot fill the memory. */
export const maxRenderedBytes = 64 * 1024 * 1024

/** Collects bytes. What it made on the way is overwritten; strings with values are never made, since they could not be. */
export class ByteWriter {
  #bytes = Buffer.alloc(1024)
  #length = 0

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** For names and punctuation: no value may be a string. */
  text(text: string): void {
    this.bytes(Buffer.from(text, 'utf8'))
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** The bytes in a buffer of their own, the caller's to overwrite. */
  finish(): Buffer {
    const made = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.wipe()
    return made
  }

  wipe(): void {
    this.#bytes.fill(0)
    this.#length = 0
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    checkSize(needed)
    const grown = Buffer.alloc(Math.min(maxRenderedBytes, Math.max(needed, this.#bytes.length * 2)))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes.fill(0)
    this.#bytes = grown
  }
}

/** @throws FormatError where what is written would be too large */
export function checkSize(bytes: number): void {
  if (bytes > maxRenderedBytes)
    throw new FormatError(`the file would have more than ${maxRenderedBytes} bytes`)
}

/** Lets `write` fill a writer; whatever happens, nothing of it stays. */
export function written(write: (out: ByteWriter) => void): Buffer {
  const out = new ByteWriter()
  try {
    write(out)
    return out.finish()
  } finally {
    out.wipe()
  }
}
