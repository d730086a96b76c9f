/**
 * What was typed into a terminal and has not come back as output. Who typed something may see it at once: it need not wait for
 * what may yet make a value of it.
 */
export class TypedText {
  #bytes: Buffer = NOTHING

  type(bytes: Buffer): void {
    // Nobody types so much ahead of what they see; what is pasted can wait.
    const isLong = this.#bytes.length + bytes.length > MAX_AHEAD
    this.#bytes = isLong ? NOTHING : this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes])
  }

  /** Whether this output is nothing but what was typed next. Where it is anything else, what was typed before is forgotten. */
  echoes(output: Buffer): boolean {
    const { length } = output
    if (length === 0 || this.#bytes.length === 0) return false
    const isEcho = length <= this.#bytes.length && this.#bytes.compare(output, 0, length, 0, length) === 0
    this.#bytes = isEcho ? this.#bytes.subarray(length) : NOTHING
    return isEcho
  }
}

const NOTHING = Buffer.alloc(0)
const MAX_AHEAD = 256
