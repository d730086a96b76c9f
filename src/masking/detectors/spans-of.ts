import type { Span } from './detector.ts'

/** Where a pattern is found and its check passes. The pattern has the `g` flag and bounded repetitions. */
export function spansOf(
  text: string,
  pattern: RegExp,
  passes: (match: RegExpMatchArray) => boolean = () => true,
): Span[] {
  const spans: Span[] = []
  // Nearly no text has any: `matchAll` makes a copy of the pattern first, `search` does not.
  if (text.search(pattern) < 0) return spans
  for (const match of text.matchAll(pattern)) {
    if (passes(match)) spans.push({ start: match.index, end: match.index + match[0].length })
  }
  return spans
}
