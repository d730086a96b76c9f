import type { Span } from './detector.ts'

/** Where a pattern is found and its check passes. The pattern has the `g` flag and bounded repetitions. */
export function spansOf(
  text: string,
  pattern: RegExp,
  passes: (match: RegExpExecArray) => boolean = () => true,
): Span[] {
  const spans: Span[] = []
  // Not `matchAll`, which makes a copy of the pattern first: nearly no text has any.
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text))
    if (passes(match)) spans.push({ start: match.index, end: match.index + match[0].length })
  return spans
}
