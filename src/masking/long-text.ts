import type { CharacterSet, Detector, Form, Span } from './detectors/detector.ts'

/**
 * A text of which most is nothing that any detector finds. Only the parts that have the form of a detector's values are given to
 * it: what it finds is what it would find in the whole.
 */
export class LongText {
  readonly #text: string
  #bytes: Buffer | undefined
  readonly isAscii: boolean

  /** `bytes`: the same text, where it is ASCII and somebody has its bytes already. */
  constructor(text: string, bytes?: Buffer) {
    this.#text = text
    this.#bytes = bytes
    this.isAscii = bytes !== undefined || Buffer.byteLength(text) === text.length
  }

  find(detector: Detector): readonly Span[] {
    const { form } = detector
    if (form === undefined) return detector.find(this.#text)
    const text = this.#text
    const bytes = (this.#bytes ??= bytesOf(text, this.isAscii))
    const runs = runsOf(bytes, form)
    if (runs.length === 0) return NONE
    // Where there is one everywhere, to take them one by one costs more.
    if (form.sign === undefined && runs.length * DENSE > text.length) return detector.find(text)
    const spans: Span[] = []
    for (let next = 0; next < runs.length;) {
      // Runs so near to each other that their surroundings meet are looked at together.
      const first = runs[next] as Span
      let last = first
      while (++next < runs.length && (runs[next] as Span).start - last.end <= 2 * form.around) last = runs[next] as Span
      const from = Math.max(0, first.start - form.around)
      // No run that is long enough is cut at an edge of what is looked at, and no value goes beyond one.
      for (const { start, end } of detector.find(text.slice(from, last.end + form.around)))
        spans.push({ start: from + start, end: from + end })
    }
    return spans
  }
}

/** Runs of characters of the set that are long enough. */
function runsOf(bytes: Buffer, form: Form): Span[] {
  if (form.sign !== undefined) return runsWith(form.sign, bytes, form)
  return form.isLow === true && form.least >= MIN_RUN_BYTES && (bytes.byteOffset & 3) === 0
    ? runsByWords(bytes, form)
    : runsByReach(bytes, form)
}

/** Four bytes at a time, every other four: a run that is long enough has such a word in it, and one more beside that. */
function runsByWords(bytes: Buffer, { characters, least }: Form): Span[] {
  const runs: Span[] = []
  const count = bytes.length >> 2
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, count)
  for (let index = 0; index < count; index += 2) {
    if (((words[index] as number) & 0xe0_e0_e0_e0) !== 0x20_20_20_20) continue
    const isNear =
      (index > 0 && ((words[index - 1] as number) & 0xe0_e0_e0_e0) === 0x20_20_20_20) ||
      (index + 1 < count && ((words[index + 1] as number) & 0xe0_e0_e0_e0) === 0x20_20_20_20)
    if (!isNear) continue
    const at = 4 * index
    const end = endOf(bytes, at, characters)
    if (end < at + 4) continue
    let start = at
    while (start > 0 && characters[bytes[start - 1] as number] === 1) start--
    if (end - start >= least) runs.push({ start, end })
    // The next word of the kind that may belong to another run.
    index = 2 * (end >> 3)
  }
  return runs
}

/** Few of all characters are looked at, and none twice. */
function runsByReach(bytes: Buffer, { characters, least }: Form): Span[] {
  const runs: Span[] = []
  const { length } = bytes
  /** Where a run may begin, and up to where it is known to go on. */
  let start = 0
  let known = 0
  while (start + least <= length) {
    // Backwards from where a run must reach to: what is not of the set there spares all before it.
    const reach = start + least
    let at = reach
    while (at > known && characters[bytes[at - 1] as number] === 1) at--
    if (at > known) start = at
    else {
      const end = endOf(bytes, reach, characters)
      runs.push({ start, end })
      start = end + 1
    }
    known = Math.max(reach, start)
  }
  return runs
}

/** Runs in which a character stands that all values have. */
function runsWith(sign: number, bytes: Buffer, { characters, least }: Form): Span[] {
  const runs: Span[] = []
  let border = 0
  for (let at = bytes.indexOf(sign); at >= 0; at = bytes.indexOf(sign, border)) {
    let start = at
    while (start > border && characters[bytes[start - 1] as number] === 1) start--
    border = endOf(bytes, at, characters)
    if (border - start >= least) runs.push({ start, end: border })
  }
  return runs
}

function endOf(bytes: Buffer, from: number, characters: CharacterSet): number {
  let end = from
  while (end < bytes.length && characters[bytes[end] as number] === 1) end++
  return end
}

/** A byte for each unit of a text, in memory that the next text takes: ASCII characters by their codes, all others as one. */
function bytesOf(text: string, isAscii: boolean): Buffer {
  const { length } = text
  const bytes = length <= SCRATCH.length ? SCRATCH.subarray(0, length) : Buffer.allocUnsafeSlow(length)
  if (isAscii) bytes.write(text, 'latin1')
  else for (let index = 0; index < length; index++) bytes[index] = Math.min(text.charCodeAt(index), OTHER)
  return bytes
}

const SCRATCH = Buffer.allocUnsafeSlow(256 * 1024)
const OTHER = 0xff
/** Of a run of so many bytes two words that stand side by side are whole. */
const MIN_RUN_BYTES = 11
/** Characters for each run, below which runs are everywhere. */
const DENSE = 96
const NONE: readonly Span[] = []
