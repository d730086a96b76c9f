import { RE2JS } from 're2js'
import type { CustomKind } from './policy.ts'

/** A pattern of the RE2 dialect: no text makes it take more than linear time. Throws where it is not a usable one. */
export function patternKind({ name, pattern }: Pick<CustomKind, 'name' | 'pattern'>): CustomKind {
  const expression = RE2JS.compile(pattern)
  if (expression.matches('')) throw new Error('matches the empty text')
  const find = (text: string): { start: number; end: number }[] => {
    const spans: { start: number; end: number }[] = []
    for (const matcher = expression.matcher(text); matcher.find();) {
      if (matcher.end() > matcher.start()) spans.push({ start: matcher.start(), end: matcher.end() })
    }
    return spans
  }
  return { name, pattern, find }
}
