import type { Span } from './detectors/detector.ts'
import { fold, foldedText, ITSELF, SEVERAL, UNSEEN } from './folding.ts'

/** A text as it reads where every character is what it stands for, and where its characters stand in the original. */
export interface FoldedText {
  readonly text: string
  /** Of the original: from the first character to the last that a part of `text` was read from. UTF-16 offsets. */
  span(start: number, end: number): Span
}

/** Undefined where every character of a text stands for itself. Takes linear time. */
export function foldText(text: string): FoldedText | undefined {
  let at = firstFolded(text)
  while (at < text.length) {
    const code = text.codePointAt(at) as number
    const plain = foldPoint(code)
    if (plain !== ITSELF && (plain > ITSELF || plain !== code)) return folded(text, at)
    at += widthOf(code)
  }
  return undefined
}

/** As it reads: of a value that is shown in part, or by its digest. */
export const foldedValue = (value: string): string => foldText(value)?.text ?? value

/** The text with as many UTF-16 units: what is not seen stands in it, and so does what stands for several characters. */
export function foldUnits(text: string): string {
  if (firstFolded(text) === text.length) return text
  const units = new Uint16Array(text.length)
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    const plain = foldPoint(unit)
    units[at] = plain < ITSELF ? plain : unit
  }
  return textOf(units)
}

/** From `from` on some character stands for another. */
function folded(text: string, from: number): FoldedText {
  let units = new Uint16Array(text.length - from)
  let starts = new Uint32Array(units.length)
  let length = 0
  const add = (unit: number, start: number): void => {
    units[length] = unit
    starts[length++] = start
  }
  for (let at = from; at < text.length;) {
    const code = text.codePointAt(at) as number
    const plain = foldPoint(code)
    if (plain < ITSELF) add(plain, at)
    else if (plain === SEVERAL) {
      const several = foldedText(code)
      const room = 2 * (length + several.length) + text.length - at
      if (length + several.length + text.length - at > units.length) {
        units = grown(new Uint16Array(room), units)
        starts = grown(new Uint32Array(room), starts)
      }
      for (let index = 0; index < several.length; index++) add(several.charCodeAt(index), at)
    } else if (plain !== UNSEEN) for (let unit = at; unit < at + widthOf(code); unit++) add(text.charCodeAt(unit), unit)
    at += widthOf(code)
  }
  return {
    text: text.slice(0, from) + textOf(units.subarray(0, length)),
    span(start, end) {
      const last = end - 1 < from ? end - 1 : (starts[end - 1 - from] as number)
      return {
        start: start < from ? start : (starts[start - from] as number),
        end: last + widthOf(text.codePointAt(last) as number),
      }
    },
  }
}

function grown<T extends Uint16Array | Uint32Array>(into: T, from: T): T {
  into.set(from)
  return into
}

const textOf = (units: Uint16Array): string =>
  Buffer.from(units.buffer, units.byteOffset, units.byteLength).toString('utf16le')

/** Halves of pairs stand for themselves. */
const foldPoint = (code: number): number => (code >= 0xd800 && code <= 0xdfff ? ITSELF : fold(code))
const widthOf = (code: number): number => (code > 0xffff ? 2 : 1)

function firstFolded(text: string): number {
  const at = text.search(FOLDED)
  return at < 0 ? text.length : at
}

/** What may stand for something else, or for nothing: all but what ASCII shows, and the layout of a text. */
const FOLDED = /[^\t-\r -~]/
