import stringWidth from 'string-width'

/** How a table gives way where it does not fit. */
export interface TableOptions {
  /** Headings of columns that are clipped before all others, the first of them first. After these, from right to left. */
  readonly clipFirst?: readonly string[]
  /** Headings of columns that are left out before all others, the first of them first. After these, as they are clipped. */
  readonly leaveOutFirst?: readonly string[]
  /** Whether the first column may be clipped, too: where it is not what rows are named by. */
  readonly clipName?: boolean
}

export interface Fitted {
  /** A line for each row, the headings first. No line is wider than the terminal, unless the first column alone is. */
  readonly lines: readonly string[]
  /** Headings of columns that there was no room for. */
  readonly leftOut: readonly string[]
}

/**
 * Lines of a table for a terminal of so many columns. What does not fit is clipped, in one column after the other; where all have been
 * clipped as far as they can be read, columns are left out, in the same order unless another is given. The first one, by which rows are named, is never clipped.
 * `heading` styles a heading that has its final width.
 */
export function fitTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
  { clipFirst = [], leaveOutFirst = [], clipName = false }: TableOptions = {},
  heading: (text: string) => string = (text) => text,
): Fitted {
  const natural = headings.map((name, at) =>
    rows.reduce((widest, row) => Math.max(widest, stringWidth(row[at] ?? '')), stringWidth(name)),
  )
  const least = natural.map((width, at) => (at === 0 && !clipName ? width : Math.min(width, MIN_WIDTH)))
  const orderOf = (first: readonly string[]): readonly number[] =>
    [...first.map((name) => headings.indexOf(name)), ...headings.map((_, at) => at).toReversed()].filter(
      (column, at, all) => column >= 0 && all.indexOf(column) === at,
    )
  const order = orderOf(clipFirst)
  const kept = new Set(headings.keys())
  for (const column of orderOf([...leaveOutFirst, ...clipFirst])) {
    if (kept.size === 1 || widthOf(least, kept) <= columns) break
    if (column !== 0) kept.delete(column)
  }
  const widths = [...natural]
  for (const column of order) {
    const excess = widthOf(widths, kept) - columns
    const width = widths[column] ?? 0
    if (excess > 0 && kept.has(column)) widths[column] = Math.max(width - excess, least[column] ?? 0)
  }
  const lineOf = (cells: readonly string[], style: (text: string) => string): string => {
    const shown = [...kept].map((at) => ({ text: clip(cells[at] ?? '', widths[at] ?? 0), width: widths[at] ?? 0 }))
    const last = shown.findLastIndex(({ text }) => text !== '')
    return shown
      .slice(0, last + 1)
      .map(({ text, width }, at) => style(text) + (at === last ? '' : ' '.repeat(width - stringWidth(text))))
      .join(GAP)
  }
  return {
    lines: [lineOf(headings, heading), ...rows.map((row) => lineOf(row, (text) => text))],
    leftOut: headings.filter((_, at) => !kept.has(at)),
  }
}

const widthOf = (widths: readonly number[], kept: ReadonlySet<number>): number =>
  [...kept].reduce((sum, at) => sum + (widths[at] ?? 0), (kept.size - 1) * GAP.length)

/** The beginning of a text in so many columns of a terminal, with an ellipsis where it goes on. Characters are never cut in two. */
export function clip(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of GRAPHEMES.segment(text)) {
    used += stringWidth(segment)
    if (used > width - 1) break
    kept += segment
  }
  return `${kept.trimEnd()}…`
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' })
const GAP = '  '
/** Below this nobody reads what is left of a text. */
const MIN_WIDTH = 8
