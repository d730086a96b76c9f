import { byteAt } from '../../../wire/byte-at.ts'
import { NeedleIndex } from './needle-index.ts'
import type { Needle } from './secret-spellings.ts'

/** Finds a secret in a stream of bytes and puts as many stars in its place, so that all lengths stay true. */
export class SecretScrubber {
  /** Undefined where there is nothing to look for. */
  readonly #index: NeedleIndex | undefined
  /** As they came, from where a secret may begin. */
  #held: Buffer = NOTHING
  /** How many of them belong to a secret that was found already. */
  #found = 0

  constructor(needles: readonly Needle[]) {
    this.#index = needles.length === 0 ? undefined : NeedleIndex.of(needles)
  }

  /** What may be the beginning of a secret waits for more. */
  push(chunk: Buffer): Buffer {
    if (this.#index === undefined) return chunk
    return this.#pass(this.#index, this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false)
  }

  end(): Buffer {
    return this.#index === undefined ? this.#held : this.#pass(this.#index, this.#held, true)
  }

  #pass(index: NeedleIndex, bytes: Buffer, isEnd: boolean): Buffer {
    let out = bytes
    let found = 0
    const star = (from: number, to: number): void => {
      if (out === bytes) out = Buffer.from(bytes)
      out.fill(STAR, from, to)
      found = Math.max(found, to)
    }
    if (this.#found > 0) star(0, this.#found)
    let at = index.next(bytes, 0)
    for (; at < bytes.length; at = index.next(bytes, at + 1)) {
      let mayGoOn = false
      for (const needle of index.beginningWith(byteAt(bytes, at))) {
        const end = endOf(needle, bytes, at)
        if (end === 'more') mayGoOn = true
        else if (end !== undefined) star(at, end)
      }
      if (mayGoOn && !isEnd) break
    }
    this.#held = at >= bytes.length ? NOTHING : Buffer.from(bytes.subarray(at))
    this.#found = Math.max(0, found - at)
    return out.subarray(0, at)
  }
}

/** `text`: characters that are a byte each. */
export function scrubbedText(text: string, needles: readonly Needle[]): string {
  if (needles.length === 0 || !NeedleIndex.of(needles).mayBeIn(text)) return text
  const scrubber = new SecretScrubber(needles)
  return Buffer.concat([scrubber.push(Buffer.from(text, 'latin1')), scrubber.end()]).toString('latin1')
}

/** Where a text ends that begins here; `more` where the bytes end within it. Several spellings may begin alike, so all are followed. */
function endOf(needle: Needle, bytes: Buffer, start: number): number | 'more' | undefined {
  let ends = [start]
  let mayGoOn = false
  for (const spellings of needle) {
    const next: number[] = []
    for (const at of ends) {
      if (at === bytes.length) {
        mayGoOn = true
        continue
      }
      for (const spelled of spellings.get(byteAt(bytes, at)) ?? []) {
        const isWhole = at + spelled.length <= bytes.length
        if (!startsAt(bytes, at, spelled)) continue
        if (!isWhole) mayGoOn = true
        else if (!next.includes(at + spelled.length)) next.push(at + spelled.length)
      }
    }
    if (next.length === 0) return mayGoOn ? 'more' : undefined
    ends = next
  }
  return Math.max(...ends)
}

/** Whether the bytes go on so, as far as there are any. */
function startsAt(bytes: Buffer, at: number, spelled: Buffer): boolean {
  const length = Math.min(spelled.length, bytes.length - at)
  for (let index = 1; index < length; index++) if (bytes[at + index] !== spelled[index]) return false
  return true
}

const STAR = 0x2a
const NOTHING = Buffer.alloc(0)
