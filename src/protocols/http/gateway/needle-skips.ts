import { byteAt } from '../../../wire/byte-at.ts'
import type { Needle } from './secret-spellings.ts'

/** How far a search may go on without looking. */
export interface NeedleSkips {
  /** Bytes of the shortest spelling of any needle. */
  readonly shortest: number
  /** How many bytes are looked at together: no needle is shorter, unless it is shorter than two. */
  readonly window: number
  /**
   * By the last two bytes of a window, as one number: how many places from the first of the window on no needle begins at. 0: one may begin at the
   * first.
   */
  readonly skips: Uint8Array
}

/**
 * Where two bytes may stand in spellings of the needles, counted from their beginning. Source: S. Wu and U. Manber, "A fast algorithm for multi-pattern
 * searching", TR-94-17, University of Arizona 1994, with blocks of two bytes.
 */
export function skipsOf(needles: readonly Needle[]): NeedleSkips {
  const shortest = Math.min(...needles.map(shortestOf))
  const window = Math.max(2, Math.min(shortest, MAX_WINDOW))
  const skips = new Uint8Array(1 << 16).fill(window - 1)
  /** Two bytes may stand there. The earlier, the further such a window may move. */
  const add = (pair: number, offset: number): void => {
    const skip = window - 2 - offset
    if (skip >= 0) skips[pair] = Math.min(skips[pair] as number, skip)
  }
  for (const needle of needles) addPairs(needle, window - 2, add)
  return { shortest, window, skips }
}

/** All pairs of bytes that begin at an offset up to `last`, whichever way the characters before them are spelled. */
function addPairs(needle: Needle, last: number, add: (pair: number, offset: number) => void): void {
  let offsets = new Set([0])
  for (const [index, spellings] of needle.entries()) {
    const following = [...(needle[index + 1]?.keys() ?? [])]
    const next = new Set<number>()
    for (const spelled of [...spellings.values()].flat())
      for (const offset of offsets) {
        for (let at = 0; at + 1 < spelled.length && offset + at <= last; at++)
          add((byteAt(spelled, at) << 8) | byteAt(spelled, at + 1), offset + at)
        const end = offset + spelled.length - 1
        if (end > last) continue
        for (const byte of following) add((byteAt(spelled, spelled.length - 1) << 8) | byte, end)
        next.add(end + 1)
      }
    if (next.size === 0) return
    offsets = next
  }
}

const shortestOf = (needle: Needle): number =>
  needle.reduce((sum, spellings) => sum + Math.min(...[...spellings.values()].flat().map(({ length }) => length)), 0)

/** More would allow longer steps, and more pairs of bytes that allow none. */
const MAX_WINDOW = 16
