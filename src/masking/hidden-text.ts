import { hasEscapes, withoutEscapes } from './escapes.ts'
import type { MaskedKind } from './plan.ts'
import { MIN_WHOLE_SEARCH_LENGTH, findKinds, maskKinds, standIn, type HashKeys } from './replace.ts'

/** Kinds of data that are looked for in values. */
export interface KindSearch {
  readonly kinds: readonly MaskedKind[]
  readonly keys: HashKeys
}

/** A text with what is hidden; null where it is to be NULL, undefined where nothing is hidden. Where all kinds become NULL so does it. */
export function hideInText(text: string, { kinds, keys }: KindSearch): string | null | undefined {
  // One look tells of most texts that nothing in them stands for something else.
  const isPlain = text.length < MIN_WHOLE_SEARCH_LENGTH && !SPECIAL.test(text)
  const drawn = isPlain || !SEQUENCE_BEGIN.test(text) ? undefined : hideDrawn(text, { kinds, keys })
  const masked = maskKinds(drawn ?? text, kinds, keys, isPlain) ?? drawn
  // What escapes hide is found, too; it cannot be hidden in part where its characters stand for others.
  let escaped = masked ?? text
  for (let round = 0; !isPlain && round < MAX_ESCAPED && hasEscapes(escaped); round++) {
    escaped = withoutEscapes(escaped)
    if (maskKinds(escaped, kinds, keys) !== undefined) return null
  }
  if (masked === undefined) return undefined
  return kinds.every(({ style }) => style === 'null') ? null : masked
}

/** A text with the values hidden that a terminal shows, and all within them that it does not show; undefined where there is none. */
function hideDrawn(text: string, { kinds, keys }: KindSearch): string | undefined {
  let drawn = ''
  const starts: number[] = []
  const draw = (from: number, to: number): void => {
    drawn += text.slice(from, to)
    for (let at = from; at < to; at++) starts.push(at)
  }
  let from = 0
  for (const { index, 0: sequence } of text.matchAll(SEQUENCE)) {
    draw(from, index)
    from = index + sequence.length
  }
  draw(from, text.length)
  let hidden = ''
  let at = 0
  for (const { start, end, masked } of findKinds(drawn, kinds)) {
    hidden += text.slice(at, starts[start]) + standIn(drawn.slice(start, end), masked, keys)
    at = (starts[end - 1] ?? at) + 1
  }
  return at === 0 ? undefined : hidden + text.slice(at)
}

/** Of a value that cannot be shown in part. */
export const hideWhole = (text: string, search: KindSearch): null | undefined =>
  hideInText(text, search) === undefined ? undefined : null

/** With all its digits: servers leave an exponent where there are many. */
export const hideNumber = (number: number, search: KindSearch): null | undefined =>
  Math.abs(number) < MIN_NUMBER ? undefined : hideWhole(String(number), search)

/** Characters that may begin an escape, and those that may stand for others. */
const SPECIAL = /[&%\\]|[^\t-\r -~]/
/** ESC, and the controls of C1 that begin a sequence by themselves. */
// eslint-disable-next-line no-control-regex
const SEQUENCE_BEGIN = /[\u001b\u0090\u0098\u009b\u009d-\u009f]/
/**
 * What moves the cursor of a terminal, colours what it draws, names a link or says something that is not drawn (ECMA-48, sections 5.4 and 5.6: CSI; OSC; DCS, SOS,
 * PM, APC, and the title of a screen). Whatever begins another one ends it. The end of a string is its terminator, of OSC also a bell; without one the string ends
 * nowhere, and only its beginning goes.
 */
const SEQUENCE = new RegExp(
  [
    String.raw`(?:\u001b\[|\u009b)[\0-\t\u000e-\u0017\u0019\u001c-?]*[@-~]?`,
    String.raw`(?:\u001b\]|\u009d)(?:[^\u0007\u0018\u001a\u001b\u0090\u0098-\u009f]*(?:\u0007|\u001b\\|\u009c))?`,
    String.raw`(?:\u001b[PX^_k]|[\u0090\u0098\u009e\u009f])(?:[^\u0018\u001a\u001b\u0090\u0098-\u009f]*(?:\u001b\\|\u009c))?`,
    String.raw`\u001b[ -/]*[0-~]`,
  ].join('|'),
  'g',
)
/** How often a text may have been escaped again. */
const MAX_ESCAPED = 3
/** The shortest card number: in a smaller number, as in an integer, nothing is looked for. */
const MIN_NUMBER = 1e12
