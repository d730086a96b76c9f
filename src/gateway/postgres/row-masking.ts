import { maskKinds, maskKindsInPlace, maskValue } from '../../masking/replace.ts'
import { formatAt, type Format } from '../../wire/postgres/bind.ts'
import type { Rewrite } from '../../wire/postgres/data-row.ts'
import type { ErrorFields } from '../../wire/postgres/error-response.ts'
import type { Column } from '../../wire/postgres/row-description.ts'
import type { MaskingScope } from './masking-scope.ts'
import type { MaskingStyle } from '../../policy/policy.ts'

/** What to do with each column of a result; undefined for a column whose bytes pass untouched. */
export function rowRewrites(
  columns: readonly Column[],
  formats: readonly Format[] | undefined,
  tainted: boolean,
  scope: MaskingScope,
): (Rewrite | undefined)[] {
  return columns.map((column, index) => {
    const format = formats === undefined ? (column.format as Format) : formatAt(formats, index)
    const style = columnStyle(column, tainted, scope)
    if (style !== undefined) return maskColumn(style, column.typeOid, format)
    if (scope.plan.kinds.length === 0 || HARMLESS_TYPES.has(column.typeOid)) return undefined
    return findKinds(column.typeOid, format, scope)
  })
}

/** A column that is one of a relation's is known; of any other the origin is not, so taint decides. */
function columnStyle(column: Column, tainted: boolean, scope: MaskingScope): MaskingStyle | undefined {
  if (scope.plan.columns.length === 0) return undefined
  if (column.tableOid !== 0) return scope.styleOf(column.tableOid, column.attribute)
  return tainted ? scope.plan.columns[0]?.style : undefined
}

function maskColumn(style: MaskingStyle, typeOid: number, format: Format): Rewrite {
  // What is not text cannot carry asterisks: it becomes NULL.
  if (style === 'null' || !TEXT_TYPES.has(typeOid)) return () => null
  if (format === 1 && typeOid === JSONB) return () => null
  return (value) => {
    const masked = maskValue(value.toString('utf8'), style)
    return masked === null ? null : Buffer.from(masked, 'utf8')
  }
}

function findKinds(typeOid: number, format: Format, scope: MaskingScope): Rewrite {
  const { kinds } = scope.plan
  if (format === 0 || TEXT_TYPES.has(typeOid)) {
    return (value) => {
      const masked = maskKinds(value.toString('utf8'), kinds)
      return masked === undefined ? undefined : nullUnlessText(masked, typeOid)
    }
  }
  if (typeOid === INT8) {
    return (value) =>
      value.length === 8 && maskKinds(value.readBigInt64BE().toString(), kinds) !== undefined ? null : undefined
  }
  if (typeOid === NUMERIC) return (value) => (maskKinds(numericDigits(value), kinds) === undefined ? undefined : null)
  // Arrays, composites, ranges: text stands inside with lengths around it, so what is hidden keeps its length.
  return (value) => {
    const masked = maskKindsInPlace(value.toString('latin1'), kinds)
    return masked === undefined ? undefined : Buffer.from(masked, 'latin1')
  }
}

function nullUnlessText(masked: string, typeOid: number): Buffer | null {
  return typeOid === INT8 || typeOid === NUMERIC ? null : Buffer.from(masked, 'utf8')
}

/** The digits before the point of a binary numeric: groups of four, base 10,000. Source: numeric_send in numeric.c. */
function numericDigits(value: Buffer): string {
  if (value.length < 8) return ''
  const count = value.readInt16BE(0)
  const weight = value.readInt16BE(2)
  if (count > 10 || weight > 10 || value.length < 8 + count * 2) return ''
  let digits = ''
  for (let i = 0; i <= weight; i++) {
    digits += String(i < count ? value.readInt16BE(8 + i * 2) : 0).padStart(4, '0')
  }
  return digits.replace(/^0+/, '')
}

/** The fields of an error or notice with what they may quote hidden. */
export function maskFields(fields: ErrorFields, tainted: boolean, scope: MaskingScope): ErrorFields {
  const masked = new Map<string, string>()
  // Errors of analysis point into the text that the client sent; what runs could quote values instead.
  const aboutText = (fields.get('C') ?? '').startsWith('42') && fields.has('P')
  for (const [type, value] of fields) {
    if (tainted && !aboutText) {
      if (type === 'M')
        masked.set(type, `${value.split(/[:"]/, 1)[0]?.trim() ?? ''} (the rest is hidden: masked columns are involved)`)
      else if (!QUOTING_FIELDS.has(type)) masked.set(type, value)
    } else {
      masked.set(type, QUOTING_FIELDS.has(type) ? (maskKinds(value, scope.plan.kinds) ?? value) : value)
    }
  }
  return masked
}

/** One line of COPY in text or CSV. Neither escapes what a masked kind is made of, so spans can be replaced in place. */
export function maskCopyLine(line: Buffer, scope: MaskingScope): Buffer {
  const masked = maskKinds(line.toString('utf8'), scope.plan.kinds)
  return masked === undefined ? line : Buffer.from(masked, 'utf8')
}

/** Message, detail, hint, where, internal query: free text. Spec: Error and Notice Message Fields. */
const QUOTING_FIELDS = new Set(['M', 'D', 'H', 'W', 'q', 'p'])

const INT8 = 20
const NUMERIC = 1700
const JSONB = 3802
/** text, varchar, bpchar, name, xml, json, "char", unknown; and jsonb, whose text form is text. Source: pg_type.dat. */
const TEXT_TYPES = new Set([25, 1043, 1042, 19, 142, 114, 18, 705, JSONB])
/** bool, int2, int4, oid, float4/8, date, time(tz), timestamp(tz), interval, uuid: never an address or a card. */
const HARMLESS_TYPES = new Set([16, 21, 23, 26, 700, 701, 1082, 1083, 1266, 1114, 1184, 1186, 2950])
