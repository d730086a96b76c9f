import type { MaskedKind } from '../../src/masking/plan.ts'
import { applyEdits, type Edit } from '../../src/masking/stream/edits.ts'
import { HeldBytes } from '../../src/masking/stream/held-bytes.ts'
import { MaskedReading } from '../../src/masking/stream/masked-reading.ts'

const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }

/** Kinds whose values `****` takes the place of. */
export const redacted = (...kinds: readonly MaskedKind['kind'][]): MaskedKind[] =>
  kinds.map((kind) => ({ kind, style: 'redact', hashScope: 'session' }))

/** A reading that no other stands beside, of text that shows every character as it is. */
export class LoneReading {
  readonly #held = new HeldBytes()
  readonly #out: Buffer[] = []
  #reading: MaskedReading

  constructor(kinds: readonly MaskedKind[]) {
    this.#reading = new MaskedReading({ kinds, keys: KEYS, keepWidth: false }, this.#held)
  }

  /** What has gone out. */
  get out(): string {
    return Buffer.concat(this.#out).toString()
  }

  /** Bytes that wait for more. */
  get held(): number {
    return this.#held.length
  }

  add(text: string): void {
    for (const character of text) {
      const from = this.#held.length
      this.#held.append(Buffer.from(character))
      this.#reading.add(character.codePointAt(0) ?? 0, from, this.#held.length)
    }
  }

  /** Lets out what may go, or as many bytes as another reading would. */
  release(limit = this.#reading.safeUntil(this.#held.length)): void {
    this.#emit(limit, false)
  }

  flush(): void {
    this.#emit(this.#held.length, true)
  }

  /** Goes on with a copy of the reading. */
  fork(): void {
    this.#reading = this.#reading.copy()
  }

  #emit(limit: number, isFlush: boolean): void {
    const edits: Edit[] = []
    this.#reading.release(limit, isFlush, true, edits)
    this.#out.push(applyEdits(this.#held.bytes.subarray(0, limit), edits))
    this.#held.drop(limit)
  }
}

/** What a reading lets out of pieces of text, as soon as it may, and of the rest at the end. */
export function letOut(pieces: Iterable<string>, kinds: readonly MaskedKind[]): string {
  const reading = new LoneReading(kinds)
  for (const piece of pieces) {
    reading.add(piece)
    reading.release()
  }
  reading.flush()
  return reading.out
}
