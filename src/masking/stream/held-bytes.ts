/** Bytes that have come and have not gone out. */
export class HeldBytes {
  bytes: Buffer = Buffer.alloc(0)
  /** How much of them is used; the rest is room. */
  length = 0

  append(more: Buffer): void {
    const length = this.length + more.length
    if (length > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.length))
      this.bytes.copy(grown, 0, 0, this.length)
      this.bytes = grown
    }
    more.copy(this.bytes, this.length)
    this.length = length
  }

  /** The first of them have gone out. */
  drop(count: number): void {
    this.bytes.copyWithin(0, count, this.length)
    this.length -= count
  }
}
