import { hasEscapes, withoutEscapes } from './escapes.ts'
import type { MaskedKind } from './plan.ts'
import { MIN_WHOLE_SEARCH_LENGTH, maskKinds, type HashKeys } from './replace.ts'

/** Kinds of data that are looked for in values. */
export interface KindSearch {
  readonly kinds: readonly MaskedKind[]
  readonly keys: HashKeys
}

/** A text with what is hidden; null where it is to be NULL, undefined where nothing is hidden. Where all kinds become NULL so does it. */
export function hideInText(text: string, { kinds, keys }: KindSearch): string | null | undefined {
  // One look tells of most texts that nothing in them stands for something else.
  const isPlain = text.length < MIN_WHOLE_SEARCH_LENGTH && !SPECIAL.test(text)
  const masked = maskKinds(text, kinds, keys, isPlain)
  // What escapes hide is found, too; it cannot be hidden in part where its characters stand for others.
  let escaped = masked ?? text
  for (let round = 0; !isPlain && round < MAX_ESCAPED && hasEscapes(escaped); round++) {
    escaped = withoutEscapes(escaped)
    if (maskKinds(escaped, kinds, keys) !== undefined) return null
  }
  if (masked === undefined) return undefined
  return kinds.every(({ style }) => style === 'null') ? null : masked
}

/** Of a value that cannot be shown in part. */
export const hideWhole = (text: string, search: KindSearch): null | undefined =>
  hideInText(text, search) === undefined ? undefined : null

/** With all its digits: servers leave an exponent where there are many. */
export const hideNumber = (number: number, search: KindSearch): null | undefined =>
  Math.abs(number) < MIN_NUMBER ? undefined : hideWhole(String(number), search)

/** Characters that may begin an escape, and those beyond ASCII. */
const SPECIAL = /[&%\\\x80-\uffff]/
/** How often a text may have been escaped again. */
const MAX_ESCAPED = 3
/** The shortest card number: in a smaller number, as in an integer, nothing is looked for. */
const MIN_NUMBER = 1e12
