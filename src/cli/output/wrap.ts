import stringWidth from 'string-width'

/**
 * A line of text in lines that fit so many columns of a terminal, those after the first `margin` columns further in. Lines end between words; one that is
 * longer than a line is cut, never within a character. On a terminal that is too narrow for the margin, the line stays as it is.
 */
export function wrap(line: string, columns: number, margin: number): string[] {
  if (columns < margin + MIN_ROOM || stringWidth(line) <= columns) return [line]
  const lines: string[] = []
  let [current, used] = ['', 0]
  const endLine = (): void => {
    lines.push(current.trimEnd())
    ;[current, used] = [' '.repeat(margin), margin]
  }
  for (const word of line.match(/\s+|\S+/g) ?? []) {
    const width = stringWidth(word)
    if (used + width > columns && current.trim() !== '') {
      // The end of a line is as good as the blank that it takes the place of.
      if (word === ' ') {
        endLine()
        continue
      }
      if (width <= columns - margin && word.trim() !== '') endLine()
    }
    for (const { segment } of GRAPHEMES.segment(word)) {
      const size = stringWidth(segment)
      if (used + size > columns) endLine()
      current += segment
      used += size
    }
  }
  return [...lines, current]
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' })
/** Below this, what is wrapped cannot be read. */
const MIN_ROOM = 10
