import { createHmac } from 'node:crypto'
import type { MaskingKind, MaskingStyle } from '../policy/policy.ts'
import type { Detector, Span } from './detectors/detector.ts'
import { email } from './detectors/email.ts'
import { iban } from './detectors/iban.ts'
import { ipAddress } from './detectors/ip-address.ts'
import { nationalId } from './detectors/national-id.ts'
import { paymentCard } from './detectors/payment-card.ts'
import { phone } from './detectors/phone.ts'
import { cloudKey, jwt, privateKey } from './detectors/secrets.ts'
import { foldedValue, foldText, type FoldedText } from './folded-text.ts'
import { LongText } from './long-text.ts'
import type { MaskedKind } from './plan.ts'

export const detectors: Readonly<Record<MaskingKind, Detector>> = {
  email,
  'payment-card': paymentCard,
  iban,
  phone,
  'national-id': nationalId,
  'ip-address': ipAddress,
  jwt,
  'private-key': privateKey,
  'cloud-key': cloudKey,
}

/** Keys for stand-ins: of one session, and of all sessions of a target. */
export interface HashKeys {
  readonly session: Uint8Array
  readonly target: Uint8Array
}

/** Makes the same stand-in for the same value of the same column, as long as the key lives. */
export interface Hashing {
  readonly key: Uint8Array
  /** What the values belong to: a column's name, or a kind. */
  readonly scope: string
}

/** The whole value of a masked column as it is shown; null where nothing may be shown. */
export function maskValue(value: string, style: MaskingStyle, hashing: Hashing): string | null {
  switch (style) {
    case 'null':
      return null
    case 'redact':
      return REDACTED
    case 'hash':
      return hashed(value, hashing)
    case 'keep-last-4':
      return lastFour(value)
    case 'partial': {
      if (value === '') return ''
      const whole = WHOLE.find((detector) => {
        const [span] = detector.find(value)
        return span?.start === 0 && span.end === value.length
      })
      if (whole !== undefined) return whole.partial(value)
      const [first] = value
      return value.length > 4 ? `${first}***` : '***'
    }
  }
}

/** The text with every value of these kinds hidden; undefined where there is none. `isPlain`: every character of it is known to stand for itself. */
export function maskKinds(
  text: string,
  kinds: readonly MaskedKind[],
  keys: HashKeys,
  isPlain = false,
): string | undefined {
  let result: string | undefined
  let long = longOf(text)
  let folded = isPlain ? undefined : foldedOf(text)
  for (const masked of kinds) {
    const current = result ?? text
    const spans = findKind(masked, current, long, folded)
    if (spans.length === 0) continue
    let hidden = ''
    let at = 0
    for (const { start, end } of spans) {
      hidden += current.slice(at, start) + standIn(current.slice(start, end), masked, keys)
      at = end
    }
    result = hidden + current.slice(at)
    long = undefined
    if (folded !== undefined) folded = foldedOf(result)
  }
  return result
}

/** A value that is to be hidden, in a text: UTF-16 offsets, end exclusive. */
export interface HiddenSpan {
  readonly start: number
  readonly end: number
  readonly masked: MaskedKind
}

/**
 * Where values of these kinds stand, in order; where two overlap, the earlier goes on to the end of both. `bytes`: the text as
 * ASCII, where that is at hand.
 */
export function findKinds(text: string, kinds: readonly MaskedKind[], bytes?: Buffer): HiddenSpan[] {
  const long = longOf(text, bytes)
  const folded = bytes === undefined ? foldedOf(text) : undefined
  const all: HiddenSpan[] = []
  for (const masked of kinds)
    for (const { start, end } of findKind(masked, text, long, folded)) all.push({ start, end, masked })
  return disjoint(all)
}

/** In order, each up to the end of those that begin within it. */
function disjoint<T extends Span>(all: T[]): T[] {
  if (all.length < 2) return all
  all.sort((one, other) => one.start - other.start)
  const result: T[] = []
  for (const span of all) {
    const last = result.at(-1)
    if (last === undefined || span.start >= last.end) result.push(span)
    else if (span.end > last.end) result[result.length - 1] = { ...last, end: span.end }
  }
  return result
}

const longOf = (text: string, bytes?: Buffer): LongText | undefined =>
  text.length < MIN_WHOLE_SEARCH_LENGTH ? undefined : new LongText(text, bytes)

/** A text as it reads, where that is another. */
interface Folded extends FoldedText {
  readonly long: LongText | undefined
}

function foldedOf(text: string): Folded | undefined {
  const folded = foldText(text)
  return folded === undefined ? undefined : { ...folded, long: longOf(folded.text) }
}

/** What is a value in either reading: what stands beside one may look like a part of it in the other. */
function findKind(
  { kind }: MaskedKind,
  text: string,
  long: LongText | undefined,
  folded: Folded | undefined,
): readonly Span[] {
  const spans = findIn(kind, text, long)
  if (folded === undefined) return spans
  const more = findIn(kind, folded.text, folded.long)
  return more.length === 0 ? spans : disjoint([...spans, ...more.map(({ start, end }) => folded.span(start, end))])
}

function findIn(kind: MaskedKind['kind'], text: string, long: LongText | undefined): readonly Span[] {
  if (typeof kind !== 'string') return kind.find(text)
  return long === undefined ? detectors[kind].find(text) : long.find(detectors[kind])
}

/** What is shown of a value, or stands for it; the same however it is spelled. */
export function standIn(original: string, { kind, style, hashScope }: MaskedKind, keys: HashKeys): string {
  const value = foldedValue(original)
  switch (style) {
    case 'partial':
      return typeof kind === 'string' ? detectors[kind].partial(value) : REDACTED
    case 'keep-last-4':
      return lastFour(value)
    case 'hash':
      return hashed(value, { key: keys[hashScope], scope: typeof kind === 'string' ? kind : kind.name })
    case 'redact':
    case 'null':
      return REDACTED
  }
}

const hashed = (value: string, { key, scope }: Hashing): string =>
  `h_${createHmac('sha256', key).update(`${scope.length} ${scope}`).update(value).digest('base64url').slice(0, 16)}`

/** Of a short value four characters would be nearly all of it. */
const lastFour = (value: string): string => `****${value.length >= 8 ? value.slice(-4) : ''}`

const REDACTED = '****'
/** Characters from which on a look at the whole costs less than the detectors. */
export const MIN_WHOLE_SEARCH_LENGTH = 256
/** Kinds whose partial form is better than a first letter. */
const WHOLE = [email, paymentCard, iban]
