import { isUtf8 } from 'node:buffer'
import { hasEscapes } from '../../../../masking/escapes.ts'
import { hideInText as flat, hideNumber, hideWhole, type KindSearch } from '../../../../masking/hidden-text.ts'
import { isHiddenElsewhere } from '../../../../masking/other-encodings.ts'
import { maskKinds } from '../../../../masking/replace.ts'
import type { Format } from '../../wire/bind.ts'
import type { Rewrite } from '../../wire/data-row.ts'
import {
  boundsOf,
  lexemesOf,
  rangesOf,
  rewriteArray,
  rewriteHstore,
  rewriteRow,
  type RewrittenBytes,
} from '../../wire/value-binary.ts'
import {
  bytesOfText,
  rangeBounds,
  rewriteArrayText,
  rewriteHstoreText,
  rewriteJsonText,
  rewriteRowText,
  textOfBytes,
  type Rewritten,
} from '../../wire/value-text.ts'
import type { ValueType, ValueTypes } from '../../catalog/value-types.ts'

/** Hides masked kinds in values of any type. They are searched for in each part of a value, which is then written again. */
export interface ValueSearch extends KindSearch {
  readonly types: ValueTypes
}

/** How to search the values of one column; undefined where they cannot contain a kind. A column of unknown type is searched as text of any form. */
export function hiddenValues(typeOid: number | undefined, format: Format, search: ValueSearch): Rewrite | undefined {
  if (search.kinds.length === 0) return undefined
  const type = typeOid === undefined ? undefined : search.types.get(typeOid)
  if (type !== undefined && isFixed(type, search.types)) return undefined
  if (format === 1) return (value) => (value === null ? undefined : inBytes(value, type ?? OPAQUE, search, 0))
  return (value) => {
    if (value === null) return undefined
    const text = value.toString('utf8')
    const masked = inText(text, type ?? UNKNOWN_TYPE, search, 0)
    if (masked === undefined || masked === null) return masked
    return Buffer.from(masked, 'utf8')
  }
}

/** A type whose text format is unknown. */
const UNKNOWN_TYPE = 'untold'
const OPAQUE: ValueType = { form: 'opaque' }

/** Arrays and ranges of elements that cannot contain a kind cannot contain one either. */
function isFixed(type: ValueType, types: ValueTypes): boolean {
  if (type.form === 'fixed') return true
  if (type.form !== 'array' && type.form !== 'range') return false
  return types.get(type.element)?.form === 'fixed'
}

// ── text ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The masked value; null where it becomes NULL, undefined where nothing is hidden. */
function inText(
  text: string,
  type: ValueType | typeof UNKNOWN_TYPE,
  search: ValueSearch,
  depth: number,
): string | null | undefined {
  if (depth > MAX_DEPTH) return null
  if (type === UNKNOWN_TYPE) return inUnknownType(text, search, depth)
  const part =
    (of: ValueType | typeof UNKNOWN_TYPE) =>
    (value: string): string | null | undefined =>
      inText(value, of, search, depth + 1)
  switch (type.form) {
    case 'fixed':
      return undefined
    case 'text':
      return flat(text, search)
    case 'json':
    case 'jsonb':
      return written(
        text,
        isPlain(text, search) ? false : rewriteJsonText(text, (value) => flat(value, search)),
        search,
        (masked) => rewriteJsonText(masked, () => undefined) !== undefined,
      )
    case 'bytea':
      return inBytea(text, search)
    case 'array':
      return isPlain(text, search)
        ? undefined
        : written(
            text,
            rewriteArrayText(text, type.delimiter, part(search.types.get(type.element) ?? UNKNOWN_TYPE)),
            search,
          )
    case 'row':
      return written(text, rewriteRowText(text, part(UNKNOWN_TYPE)), search)
    case 'hstore':
      return written(
        text,
        rewriteHstoreText(text, (value) => flat(value, search)),
        search,
      )
    case 'range':
    case 'multirange': {
      const bounds = rangeBounds(text)
      // A range with one bound hidden would be another range.
      return bounds === undefined || bounds.some((bound) => part(UNKNOWN_TYPE)(bound) !== undefined) ? null : undefined
    }
    case 'float8':
      return hideNumber(Number(text), search)
    case 'int8':
    case 'numeric':
    case 'inet':
    case 'named':
    case 'label':
    case 'versioned':
    case 'tsvector':
    case 'opaque':
      // The form does not allow masked text.
      return hideWhole(text, search)
  }
}

/** Matches in the parts, then those in the whole, which a user-defined pattern may be about. */
function written(
  text: string,
  rewritten: Rewritten | undefined,
  search: ValueSearch,
  isValid: (masked: string) => boolean = () => false,
): string | null | undefined {
  if (rewritten === null) return null
  // The value does not have the form of its type, so nothing is known about it.
  if (rewritten === undefined) return hideWhole(text, search)
  const now = rewritten === false ? text : rewritten
  const whole = maskKinds(now, search.kinds, search.keys)
  if (whole === undefined) return rewritten === false ? undefined : now
  return isValid(whole) ? whole : null
}

/**
 * Whether a text has nothing to hide and nothing in another notation, such as a number with an exponent: its parts occur in it literally.
 */
const isPlain = (text: string, { kinds, keys }: ValueSearch): boolean =>
  !text.includes('\\') &&
  !hasEscapes(text) &&
  !/\de[+-]?\d/i.test(text) &&
  kinds.every(({ kind }) => typeof kind === 'string') &&
  maskKinds(text, kinds, keys) === undefined

function inBytea(text: string, search: ValueSearch): string | null | undefined {
  const bytes = bytesOfText(text)
  if (bytes === undefined) return hideWhole(text, search)
  const masked = inRaw(bytes, search)
  return masked === undefined || masked === null ? masked : textOfBytes(masked, text)
}

/** Searches a value of unknown type in every form that it may have. */
function inUnknownType(text: string, search: ValueSearch, depth: number): string | null | undefined {
  if (NUMBER.test(text)) return hideWhole(text, search)
  if (WITH_EXPONENT.test(text)) return hideNumber(Number(text), search)
  const part = (value: string): string | null | undefined => inText(value, UNKNOWN_TYPE, search, depth + 1)
  const bytes = BYTES.test(text) ? bytesOfText(text) : undefined
  if (bytes !== undefined) {
    const masked = inRaw(bytes, search)
    if (masked !== undefined) return masked && textOfBytes(masked, text)
  }
  const rewritten =
    (/^[[{"]/.test(text) ? rewriteJsonText(text, (value) => flat(value, search)) : undefined) ??
    (/^[[{]/.test(text) ? rewriteArrayText(text, ',', part) : undefined) ??
    (text.startsWith('(') ? rewriteRowText(text, part) : undefined) ??
    (text.startsWith('"') ? rewriteHstoreText(text, (value) => flat(value, search)) : undefined)
  if (rewritten === null) return null
  const now = rewritten === undefined || rewritten === false ? text : rewritten
  const masked = flat(now, search)
  return masked === undefined && now !== text ? now : masked
}

// ── binary ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function inBytes(value: Buffer, type: ValueType, search: ValueSearch, depth: number): Buffer | null | undefined {
  if (depth > MAX_DEPTH) return null
  const part = (bytes: Buffer, oid: number): Buffer | null | undefined =>
    inBytes(bytes, search.types.get(oid) ?? OPAQUE, search, depth + 1)
  switch (type.form) {
    case 'fixed':
    case 'named':
      return undefined
    case 'text':
    case 'label':
    case 'json':
      return asBytes(inText(value.toString('utf8'), type, search, depth))
    case 'jsonb': {
      if (value[0] !== 1) return null
      const masked = inText(value.toString('utf8', 1), type, search, depth)
      return masked === undefined || masked === null ? masked : Buffer.from(`\x01${masked}`, 'utf8')
    }
    case 'versioned':
      return flat(value.toString('utf8', 1), search) === undefined ? undefined : null
    case 'bytea':
      return inRaw(value, search)
    case 'int8':
      if (value.length !== 8) return null
      return hideWhole(value.readBigInt64BE().toString(), search)
    case 'float8':
      return value.length === 8 ? hideNumber(value.readDoubleBE(), search) : null
    case 'numeric':
      return hideWhole(numericText(value), search)
    case 'inet':
      return hideWhole(inetText(value), search)
    case 'array':
      return orNull(rewriteArray(value, part))
    case 'row':
      return orNull(rewriteRow(value, part))
    case 'hstore':
      return orNull(rewriteHstore(value, (bytes) => asBytes(flat(bytes.toString('utf8'), search))))
    case 'range':
      return hasHidden(boundsOf(value), (bound) => part(bound, type.element))
    case 'multirange':
      // The type of the bounds is not sent: each is searched as every type that it could have.
      return hasHidden(
        rangesOf(value)?.flatMap((range) => boundsOf(range) ?? [value]),
        (bound) => inAnyForm(bound, search),
      )
    case 'tsvector':
      return hasHidden(lexemesOf(value), (lexeme) => flat(lexeme, search))
    case 'opaque':
      return null
  }
}

const asBytes = (text: string | null | undefined): Buffer | null | undefined =>
  text === undefined || text === null ? text : Buffer.from(text, 'utf8')

/** A value that does not have the form of its type is hidden. */
const orNull = (rewritten: RewrittenBytes): Buffer | null | undefined =>
  rewritten === 'same' ? undefined : (rewritten ?? null)

function hasHidden<T>(parts: readonly T[] | undefined, rewrite: (part: T) => unknown): null | undefined {
  return parts === undefined || parts.some((part) => rewrite(part) !== undefined) ? null : undefined
}

/** Bytes that may be text. */
function inRaw(bytes: Buffer, search: ValueSearch): Buffer | null | undefined {
  const encoding = isUtf8(bytes) ? 'utf8' : 'latin1'
  const masked = flat(bytes.toString(encoding), search)
  if (masked === undefined && isHiddenElsewhere(bytes, search)) return null
  return masked === undefined || masked === null ? masked : Buffer.from(masked, encoding)
}

/** A bound of a multirange: among the built-in types only numbers can be of a masked kind, in others anything can. */
function inAnyForm(value: Buffer, search: ValueSearch): null | undefined {
  const texts = [value.toString('utf8'), numericText(value)]
  if (value.length === 8) texts.push(value.readBigInt64BE().toString(), String(value.readDoubleBE()))
  return texts.some((text) => flat(text, search) !== undefined) ? null : undefined
}

/** A binary numeric as text: groups of four digits, base 10,000. Source: numeric_send and get_str_from_var in numeric.c. */
function numericText(value: Buffer): string {
  if (value.length < 8) return ''
  const count = value.readUInt16BE(0)
  const weight = value.readInt16BE(2)
  const sign = value.readUInt16BE(4)
  const scale = value.readUInt16BE(6)
  // Longer than any value of a kind; the digits themselves follow.
  if (
    count > MAX_NUMERIC_LENGTH ||
    weight > MAX_NUMERIC_LENGTH ||
    weight < -MAX_NUMERIC_LENGTH ||
    value.length !== 8 + count * 2
  )
    return ''
  const group = (place: number): string =>
    String(place >= 0 && place < count ? value.readUInt16BE(8 + place * 2) : 0).padStart(4, '0')
  let whole = ''
  for (let place = 0; place <= weight; place++) whole += group(place)
  let fraction = ''
  for (let place = weight + 1; fraction.length < scale && fraction.length < MAX_NUMERIC_LENGTH * 4; place++)
    fraction += group(place)
  const digits = whole.replace(/^0+(?=\d)/, '') || '0'
  return `${sign === NEGATIVE ? '-' : ''}${digits}${scale > 0 ? `.${fraction.slice(0, scale)}` : ''}`
}

/** The address of a binary inet: family, bits, a flag for cidr, length, address. Source: network_send in network.c. */
function inetText(value: Buffer): string {
  const address = value.subarray(4)
  if (address.length === 4) return [...address].join('.')
  return address.length === 16 ? (address.toString('hex').match(/.{4}/g) ?? []).join(':') : ''
}

/** Begins with `\x`, or has an octal escape. */
const BYTES = /^\\x|(?<!\\)(?:\\\\)*\\[0-3][0-7]{2}/
const NUMBER = /^-?\d+(?:\.\d+)?$/
const WITH_EXPONENT = /^-?\d(?:\.\d+)?e[+-]\d+$/
/** Groups of four digits. */
const MAX_NUMERIC_LENGTH = 2000
/** NUMERIC_NEG in numeric.c. */
const NEGATIVE = 0x4000
/** The depth of nested values; real values are not nested as deeply. */
const MAX_DEPTH = 50
