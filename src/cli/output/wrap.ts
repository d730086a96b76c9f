import stringWidth from 'string-width'

/**
 * A line of text in lines that fit so many columns of a terminal, those after the first `margin` columns further in. Characters are never cut in two. On a
 * terminal that is too narrow for the margin, the line stays as it is.
 */
export function wrap(line: string, columns: number, margin: number): string[] {
  if (columns < margin + MIN_ROOM || stringWidth(line) <= columns) return [line]
  const lines: string[] = []
  let [current, used] = ['', 0]
  for (const { segment } of GRAPHEMES.segment(line)) {
    const width = stringWidth(segment)
    if (used + width > columns) {
      lines.push(current)
      ;[current, used] = [' '.repeat(margin), margin]
    }
    current += segment
    used += width
  }
  return [...lines, current]
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' })
/** Below this, what is wrapped cannot be read. */
const MIN_ROOM = 10
